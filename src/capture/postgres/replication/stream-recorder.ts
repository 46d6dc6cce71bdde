import { HeadwaterError } from '../../../foundation/error.ts';
import { unreachable } from '../../../foundation/assert.ts';
import { toLsn, type Lsn } from '../../../model/lsn.ts';
import type { CommitBoundary } from '../../../model/transaction.ts';
import type { BodyFragment, ChangeRecorder, SchemaEntry } from '../../change-recorder.ts';
import { MessageFramer } from './message-framer.ts';
import { MovedRows } from './moved-rows.ts';
import { RecentXids } from './recent-xids.ts';
import { noStreamCounts, type StreamCounts } from './stream-counts.ts';
import { createStreamState, transition, type StreamEffect, type StreamEvent, type StreamState } from './stream-core.ts';
import { assertLength } from './assert-length.ts';
import { canaryPrefixBytes, hasEventPrefix, startsWith } from './message-prefix.ts';
import { beginTag, readBegin, type TransactionGate } from './transaction-gate.ts';
import { copyHeaderLength, decodeKeepalive, outputOffset, postgresEpochMicros, readUint32, tag } from './wire.ts';

/** What goes out again. */
export interface StreamOutput {
  sendStatus(receivedLsn: Lsn, confirmedLsn: Lsn): void;
  /** A message outside the copy stream: an error, a notice, the end. Views are valid during the call. */
  control(messageTag: number, bytes: Uint8Array): void;
  /** A transactional message with the canary prefix came back. */
  canarySeen(content: Uint8Array): void;
}

/** Where a stream's transactions go, and how large one may grow before it is handed on in parts. */
export interface StreamRecorderOptions {
  readonly recorder: ChangeRecorder;
  readonly output: StreamOutput;
  /** A transaction above this size goes to the recorder in fragments, as it comes. */
  readonly spillByteCount: number;
  /** Where the slot stands. */
  readonly slotLsn: Lsn;
}

/**
 * Takes the bytes of a replication stream to a recorder: cuts them into messages, follows transactions and relations, and
 * hands over bodies as slices of the read buffers, without decoding a row. Decides nothing: `stream-core.ts` does.
 *
 * A RELATION message stands in the first transaction of a session that needs it. When that transaction is dropped, the
 * message is carried into the next one that is recorded, directly behind its begin, or its rows could not be read.
 */
export class StreamRecorder {
  readonly #recorder: ChangeRecorder;
  readonly #output: StreamOutput;
  readonly #spillByteCount: number;
  readonly #framer = new MessageFramer();
  readonly #visit = (bytes: Uint8Array, start: number, end: number): 'hold' | void => this.#message(bytes, start, end);
  #state: StreamState;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #viewed: Uint8Array | undefined;
  #hasAppended = false;

  // The open transaction.
  #xid = 0;
  #slices: Uint8Array[] = [];
  #sliceByteCount = 0;
  #messageCount = 0;
  #recordCount = 0;
  #schemas: SchemaEntry[] = [];
  /** RELATION messages of this transaction, whole CopyData messages, by relation. */
  #relations = new Map<number, Uint8Array>();
  #isSpilled = false;
  // A run of messages that lie behind each other in one buffer.
  #run: Uint8Array | undefined;
  #runStart = 0;
  #runEnd = 0;

  #carriedRelations = new Map<number, Uint8Array>();
  #gate: TransactionGate | undefined;
  #isHeld = false;
  readonly #recentXids = new RecentXids();
  readonly #movedRows = new MovedRows();
  #counts = { ...noStreamCounts };

  constructor(options: StreamRecorderOptions) {
    this.#recorder = options.recorder;
    this.#output = options.output;
    this.#spillByteCount = options.spillByteCount;
    const { recordedLsn, lastCommitEndLsn } = options.recorder.state;
    this.#state = createStreamState({ recordedLsn, lastCommitEndLsn, slotLsn: options.slotLsn });
  }

  get state(): StreamState {
    return this.#state;
  }

  get counts(): StreamCounts {
    return this.#counts;
  }

  /**
   * Takes the next bytes. True when something was appended that a flush makes visible or confirmable.
   * @throws HW-CAPTURE codes; the stream is then unusable, and nothing of the open transaction becomes visible.
   */
  receive(bytes: Uint8Array): boolean {
    this.#counts.receivedBytes += bytes.length;
    this.#hasAppended = false;
    this.#framer.push(bytes, this.#visit);
    this.#closeRun();
    this.#viewed = undefined;
    if (this.#sliceByteCount > this.#spillByteCount && this.#state.kind === 'recording') this.#spill();
    return this.#hasAppended;
  }

  /** Time to report; true when progress was appended that has to be flushed. */
  statusDue(): boolean {
    this.#hasAppended = false;
    this.#step({ kind: 'status-due' });
    return this.#hasAppended;
  }

  flushed(recordedLsn: Lsn): void {
    this.#step({ kind: 'flushed', recordedLsn });
  }

  /** Has each transaction ask before it is taken; undefined lets all pass. What was held is taken at the next `receive`. */
  set gate(gate: TransactionGate | undefined) {
    this.#gate = gate;
    this.#isHeld = false;
  }

  /** What a held transaction begins. */
  get held(): Uint8Array | undefined {
    return this.#isHeld ? this.#framer.rest : undefined;
  }

  /** Transaction ids that ended last, those without records too; 0 stands for none. */
  get recentXids(): Uint32Array {
    return this.#recentXids.list;
  }

  /** The connection is gone: what was open is sent again by the next one. */
  abandon(): void {
    if (this.#isSpilled) this.#recorder.abortTransaction(this.#xid);
    this.#forgetTransaction();
  }

  #message(bytes: Uint8Array, start: number, end: number): 'hold' | void {
    if (bytes[start] !== tag.copyData) {
      this.#closeRun();
      this.#output.control(bytes[start] ?? 0, bytes.subarray(start, end));
      return;
    }
    const kind = bytes[start + copyHeaderLength];
    if (kind === tag.walPiece && end - start > outputOffset) {
      if (this.#gate !== undefined && bytes[start + outputOffset] === beginTag && this.#isHeldBack(bytes, start, end)) {
        return 'hold';
      }
      this.#decoderOutput(bytes, start, end);
      return;
    }
    const keepalive = kind === tag.keepalive ? decodeKeepalive(bytes, start, end) : undefined;
    if (keepalive === undefined) {
      throw new HeadwaterError('HW-CAPTURE-001', `a copy message of kind ${kind ?? 'none'} with ${end - start} bytes`);
    }
    this.#step({ kind: 'keepalive', ...keepalive });
    this.#gate?.passed(keepalive.walEnd);
  }

  #isHeldBack(bytes: Uint8Array, start: number, end: number): boolean {
    const begin = readBegin(bytes, start, end);
    this.#isHeld = begin !== undefined && this.#gate?.mayPass(begin) === false;
    return this.#isHeld;
  }

  /** Follows the messages of https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html without their rows. */
  #decoderOutput(bytes: Uint8Array, start: number, end: number): void {
    switch (bytes[start + outputOffset]) {
      case 0x49: // I
      case 0x55: // U
      case 0x44: // D
      case 0x54: // T
        this.#recordCount += 1;
        this.#movedRows.note(bytes, start, end, this.#recorder.appendedCopies);
        this.#extendRun(bytes, start, end);
        return;
      case 0x42: // B
        this.#begin(bytes, start, end);
        return;
      case 0x43: // C
        this.#extendRun(bytes, start, end);
        this.#commit(bytes, start, end);
        return;
      case 0x52: // R
        this.#relation(bytes, start, end);
        return;
      case 0x4d: // M
        this.#logicalMessage(bytes, start, end);
        return;
      case 0x59: // Y
      case 0x4f: // O
        this.#extendRun(bytes, start, end);
        return;
      default: {
        const unknownTag = String.fromCharCode(bytes[start + outputOffset] ?? 0);
        throw new HeadwaterError('HW-CAPTURE-003', `the stream holds a message of the unknown kind "${unknownTag}"`);
      }
    }
  }

  /** Begin: Byte1('B') Int64(commit LSN) Int64(commit time) Int32(xid). */
  #begin(bytes: Uint8Array, start: number, end: number): void {
    assertLength(end - start - outputOffset, 21, 'begin');
    const view = this.#viewOf(bytes);
    const commitLsn = toLsn(view.getBigUint64(start + outputOffset + 1));
    const xid = readUint32(bytes, start + outputOffset + 17);
    this.#step({ kind: 'begin', xid, commitLsn });
    this.#xid = xid;
    this.#extendRun(bytes, start, end);
    if (this.#carriedRelations.size > 0 && this.#state.kind === 'recording') this.#insertCarried();
  }

  /** Commit: Byte1('C') Int8(flags) Int64(commit LSN) Int64(end LSN) Int64(commit time). */
  #commit(bytes: Uint8Array, start: number, end: number): void {
    assertLength(end - start - outputOffset, 26, 'commit');
    const view = this.#viewOf(bytes);
    const at = start + outputOffset;
    const boundary: CommitBoundary = {
      xid: this.#xid,
      commitLsn: toLsn(view.getBigUint64(at + 2)),
      commitEndLsn: toLsn(view.getBigUint64(at + 10)),
      commitTimeMicros: view.getBigInt64(at + 18) + postgresEpochMicros,
    };
    this.#step({ kind: 'commit', boundary, recordCount: this.#recordCount });
    this.#recentXids.note(this.#xid);
    this.#forgetTransaction();
  }

  /** Relation: Byte1('R') Int32(relation) … */
  #relation(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < outputOffset + 5) throw new HeadwaterError('HW-CAPTURE-002', 'a relation message is cut off');
    const message = bytes.slice(start, end);
    const relationId = readUint32(bytes, start + outputOffset + 1);
    this.#relations.set(relationId, message);
    this.#schemas.push({ relationId, message: message.subarray(outputOffset) });
    this.#movedRows.noteRelation(relationId, message.subarray(outputOffset));
    this.#extendRun(bytes, start, end);
  }

  /** Message: Byte1('M') Int8(1: transactional) Int64(LSN) String(prefix) Int32(length) Byten(content). */
  #logicalMessage(bytes: Uint8Array, start: number, end: number): void {
    const prefixStart = start + outputOffset + 10;
    const isTransactional = bytes[start + outputOffset + 1] === 1;
    const isEvent = hasEventPrefix(bytes, prefixStart, end);
    if (!isTransactional) {
      // Decoded at once, even when its transaction rolls back: it belongs to no transaction and is never an event.
      if (isEvent) this.#counts.forgedMessages += 1;
      return;
    }
    if (isEvent) this.#recordCount += 1;
    else if (startsWith(bytes, prefixStart, canaryPrefixBytes)) {
      this.#output.canarySeen(bytes.subarray(prefixStart + canaryPrefixBytes.length + 4, end));
    }
    this.#extendRun(bytes, start, end);
  }

  #extendRun(bytes: Uint8Array, start: number, end: number): void {
    this.#messageCount += 1;
    if (this.#state.kind !== 'recording') {
      if (this.#state.kind === 'between')
        throw new HeadwaterError('HW-CAPTURE-009', 'a change came outside a transaction');
      return;
    }
    if (this.#run === bytes && this.#runEnd === start) {
      this.#runEnd = end;
      return;
    }
    this.#closeRun();
    this.#run = bytes;
    this.#runStart = start;
    this.#runEnd = end;
  }

  #closeRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const length = this.#runEnd - this.#runStart;
    this.#sliceByteCount += length;
    const offset = run.byteOffset + this.#runStart;
    const last = this.#slices.at(-1);
    if (last !== undefined && last.buffer === run.buffer && last.byteOffset + last.length === offset) {
      this.#slices[this.#slices.length - 1] = new Uint8Array(run.buffer, last.byteOffset, last.length + length);
    } else {
      this.#slices.push(new Uint8Array(run.buffer, offset, length));
    }
  }

  #insertCarried(): void {
    this.#closeRun();
    for (const [relationId, message] of this.#carriedRelations) {
      this.#slices.push(message);
      this.#sliceByteCount += message.length;
      this.#messageCount += 1;
      this.#relations.set(relationId, message);
      this.#schemas.push({ relationId, message: message.subarray(outputOffset) });
    }
  }

  #spill(): void {
    this.#isSpilled = true;
    this.#hasAppended = true;
    this.#recorder.appendFragment(this.#xid, this.#xid, this.#takeFragment());
  }

  #takeFragment(): BodyFragment {
    this.#closeRun();
    const fragment: BodyFragment = {
      encoding: 'pgoutput-copy/1',
      body: this.#slices,
      messageCount: this.#messageCount,
    };
    this.#slices = [];
    this.#sliceByteCount = 0;
    this.#messageCount = 0;
    return fragment;
  }

  #step(event: StreamEvent): void {
    const { state, effects } = transition(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: StreamEffect): void {
    switch (effect.kind) {
      case 'append':
        this.#append(effect.boundary);
        return;
      case 'discard':
        this.#discard(effect.reason === 'duplicate');
        return;
      case 'record-progress':
        this.#recorder.recordProgress(effect.lsn);
        this.#hasAppended = true;
        return;
      case 'send-status':
        this.#output.sendStatus(effect.receivedLsn, effect.confirmedLsn);
        return;
      case 'stop':
        throw new HeadwaterError(effect.code, effect.reason);
      default:
        unreachable(effect);
    }
  }

  #append(boundary: CommitBoundary): void {
    const schemas = this.#schemas;
    const fragment = this.#takeFragment();
    // In front of the commit, so that it is never durable without them.
    for (const copy of this.#movedRows.take(this.#recorder.appendedCopies)) this.#recorder.recordCopyProgress(copy);
    if (this.#isSpilled) {
      this.#recorder.appendFragment(boundary.xid, boundary.xid, fragment);
      this.#recorder.commitTransaction(boundary, schemas);
    } else {
      this.#recorder.appendTransaction(boundary, fragment, schemas);
    }
    this.#counts.transactions += 1;
    this.#counts.records += this.#recordCount;
    this.#hasAppended = true;
    if (this.#carriedRelations.size > 0) this.#carriedRelations.clear();
  }

  #discard(isDuplicate: boolean): void {
    if (this.#isSpilled) this.#recorder.abortTransaction(this.#xid);
    for (const [relationId, message] of this.#relations) this.#carriedRelations.set(relationId, message);
    if (isDuplicate) this.#counts.duplicates += 1;
    else this.#counts.withoutRecords += 1;
  }

  #forgetTransaction(): void {
    this.#run = undefined;
    this.#movedRows.forget();
    if (this.#slices.length > 0) this.#slices = [];
    if (this.#schemas.length > 0) this.#schemas = [];
    if (this.#relations.size > 0) this.#relations = new Map();
    this.#sliceByteCount = 0;
    this.#messageCount = 0;
    this.#recordCount = 0;
    this.#isSpilled = false;
  }

  #viewOf(bytes: Uint8Array): DataView {
    if (this.#viewed !== bytes) {
      this.#viewed = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }
}
