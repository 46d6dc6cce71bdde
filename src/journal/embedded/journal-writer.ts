import { crc32 } from 'node:zlib';

import type {
  BodyFragment,
  ChangeRecorder,
  DurableEnd,
  RecorderState,
  SchemaEntry,
  SnapshotChunk,
  SourceRecordReason,
} from '../../capture/change-recorder.ts';
import { assertInvariant } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { Sequence } from '../../model/position.ts';
import type { CopyProgress, SourceIdentity } from '../../model/source-identity.ts';
import type { CommitBoundary } from '../../model/transaction.ts';
import { encodeCopyProgress, encodeSourceRecord } from './carry-record.ts';
import type { CommitRecord } from './commit-record.ts';
import { writeFailure } from './disk-failure.ts';
import { bodyEncodingCode, frameKind } from './frame.ts';
import type { AppendedFrame } from './frame-appender.ts';
import { JournalHead, snapshotXid } from './journal-head.ts';
import type { JournalWriterOptions } from './journal-writer-options.ts';
import { emptyFragment, fragmentByteCount, OpenTransactions, type StraightTransaction } from './open-transactions.ts';
import { encodePrepareBody, encodePreparedName } from './prepared-record.ts';
import { SegmentAppender } from './segment-appender.ts';
import { encodeMark, encodeSchema } from './segment-file.ts';
import { encodeSpoolReference, type SpoolReference } from './spool-reference.ts';
import { SegmentWriter } from './write-queue.ts';

/**
 * Appends to the last segment of a journal. Appends only build bytes; `flush` writes and flushes what was appended before
 * it, while new appends gather behind. After a failed flush nothing more is taken: a new writer recovers what is durable.
 */
export class JournalWriter implements ChangeRecorder, AsyncDisposable {
  readonly #options: JournalWriterOptions;
  readonly #head: JournalHead;
  readonly #segments: SegmentAppender;
  readonly #files: SegmentWriter;
  readonly #open: OpenTransactions;
  readonly #crcBytes = Buffer.alloc(4);
  /** Of what is durable. */
  #state: RecorderState;
  #performingByteCount = 0;
  #running: Promise<DurableEnd> | undefined;
  #following: Promise<DurableEnd> | undefined;
  #failure: HeadwaterError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: JournalWriterOptions) {
    const { disk, paths, recovered } = options;
    this.#options = options;
    this.#head = new JournalHead(recovered.carry, recovered.schemas);
    this.#state = this.#head.toRecorderState();
    this.#segments = new SegmentAppender({ ...options, head: this.#head });
    this.#open = new OpenTransactions(options, this.#segments);
    this.#files = new SegmentWriter(disk, paths, options.file, (bytes) => this.#segments.giveBack(bytes));
    this.#segments.appendControl(frameKind.mark, 0, encodeMark(options.epoch, 'opened'));
  }

  get state(): RecorderState {
    return this.#state;
  }

  get appendedSource(): SourceIdentity | undefined {
    return this.#head.source;
  }

  get appendedCopies(): readonly CopyProgress[] {
    return this.#head.copies;
  }

  get pendingByteCount(): number {
    return this.#segments.byteCount + this.#performingByteCount;
  }

  recordSource(source: SourceIdentity, startLsn: Lsn, reason: SourceRecordReason): void {
    this.#beginUnit();
    this.#segments.appendControl(frameKind.source, 0, encodeSourceRecord({ source, startLsn, reason }));
    this.#head.noteSource(source, startLsn, reason);
  }

  appendTransaction(boundary: CommitBoundary, fragment: BodyFragment, schemas: readonly SchemaEntry[]): Sequence {
    this.#beginUnit();
    return this.#commit(boundary, fragment, schemas, undefined);
  }

  appendFragment(xid: number, subxid: number, fragment: BodyFragment): void {
    this.#assertUsable();
    if (!this.#open.isStraight(xid, subxid) || this.#open.spool(xid) !== undefined) {
      const spool = this.#open.spoolOf(xid);
      const bytes = spool.append(subxid, fragment);
      this.#segments.push({ kind: 'spool-write', spool, offset: bytes.offset, bytes }, bytes.byteCount);
      return;
    }
    if (this.#open.straight === undefined) this.#segments.rollWhenFull();
    const straight = this.#open.straight ?? this.#open.begin(xid);
    const bodyByteCount = fragmentByteCount(fragment);
    const { messageCount, encoding } = fragment;
    straight.fragments.push({ subxid, encoding, messageCount, offset: this.#segments.end, bodyByteCount });
    straight.messageCount += messageCount;
    straight.bodyByteCount += bodyByteCount;
    this.#segments.append({
      kind: frameKind.fragment,
      encoding: bodyEncodingCode[encoding],
      xid,
      durableEnd: this.#segments.durableEnd,
      record: undefined,
      body: fragment.body,
      bodyByteCount,
    });
    this.#crcBytes.writeUInt32LE(this.#segments.lastCrc);
    straight.fragmentsCrc = crc32(this.#crcBytes, straight.fragmentsCrc);
  }

  abortSubtransaction(xid: number, subxid: number): void {
    this.#assertUsable();
    const isKnown = this.#open.straight?.xid === xid || this.#open.spool(xid) !== undefined;
    if (isKnown) this.#open.spoolOf(xid).abort(subxid);
  }

  abortTransaction(xid: number): void {
    this.#assertUsable();
    if (this.#open.straight?.xid === xid) this.#open.dropStraight();
    const spool = this.#open.spool(xid);
    if (spool === undefined) return;
    this.#open.forgetSpool(xid);
    this.#segments.push({ kind: 'spool-remove', spool });
  }

  commitTransaction(boundary: CommitBoundary, schemas: readonly SchemaEntry[]): Sequence {
    const { xid } = boundary;
    const { straight } = this.#open;
    if (straight?.xid === xid) {
      this.#assertUsable();
      this.#open.straight = undefined;
      return this.#commit(boundary, emptyFragment, schemas, straight);
    }
    this.#beginUnit();
    if (this.#open.spool(xid) === undefined) return this.#commit(boundary, emptyFragment, schemas, undefined);
    const reference = this.#open.finishSpool(xid);
    return this.#commitSpooled(boundary, { kind: frameKind.spooledCommit, prefix: [], reference }, schemas);
  }

  prepareTransaction(xid: number, gid: string, prepareEndLsn: Lsn): void {
    assertInvariant(this.#head.prepared(gid) === undefined, 'a global id names one prepared transaction');
    this.#open.spoolOf(xid);
    this.#beginUnit();
    const spool = this.#open.finishSpool(xid);
    this.#segments.appendControl(frameKind.prepare, xid, encodePrepareBody(gid, prepareEndLsn, spool));
    this.#head.notePrepared({ gid, xid, spool }, prepareEndLsn);
  }

  commitPrepared(gid: string, boundary: CommitBoundary, schemas: readonly SchemaEntry[]): Sequence {
    const prepared = this.#head.prepared(gid);
    assertInvariant(prepared !== undefined, 'a decision follows its prepared transaction');
    this.#beginUnit();
    const prefix = [encodePreparedName(gid)];
    this.#head.noteDecided(gid);
    return this.#commitSpooled(
      boundary,
      { kind: frameKind.preparedCommit, prefix, reference: prepared.spool },
      schemas,
    );
  }

  rollbackPrepared(gid: string, endLsn: Lsn): void {
    const prepared = this.#head.prepared(gid);
    assertInvariant(prepared !== undefined, 'a decision follows its prepared transaction');
    this.#beginUnit();
    this.#segments.appendControl(
      frameKind.preparedRollback,
      prepared.xid,
      encodePrepareBody(gid, endLsn, prepared.spool),
    );
    this.#head.noteDecided(gid);
    this.#head.noteProgress(endLsn);
    this.#segments.push({ kind: 'spool-delete', name: prepared.spool.name });
  }

  recordProgress(lsn: Lsn): void {
    this.#beginUnit();
    const body = new Uint8Array(8);
    new DataView(body.buffer).setBigUint64(0, lsn, true);
    this.#segments.appendControl(frameKind.progress, 0, body);
    this.#head.noteProgress(lsn);
  }

  appendSnapshotChunk({ fragments, progress, readTimeMicros }: SnapshotChunk): Sequence {
    this.#beginUnit();
    for (const fragment of fragments) this.appendFragment(snapshotXid, snapshotXid, fragment);
    const { straight } = this.#open;
    assertInvariant((straight === undefined) === (fragments.length === 0), 'a chunk stands between transactions');
    this.#open.straight = undefined;
    const { chunkLsn } = this.#head;
    const boundary = {
      xid: snapshotXid,
      commitLsn: chunkLsn,
      commitEndLsn: chunkLsn,
      commitTimeMicros: readTimeMicros,
    };
    const sequence = this.#commit(boundary, emptyFragment, [], straight);
    this.#appendCopyProgress(progress);
    return sequence;
  }

  recordCopyProgress(progress: CopyProgress): void {
    this.#beginUnit();
    this.#appendCopyProgress(progress);
  }

  flush(): Promise<DurableEnd> {
    if (this.#failure !== undefined) return Promise.reject(this.#closedError());
    if (this.#running === undefined) return this.#startFlush();
    // Whoever asks during a flush shares the next one: it begins after all of their appends.
    this.#following ??= this.#running.then(() => {
      this.#following = undefined;
      return this.#startFlush();
    });
    return this.#following;
  }

  /** Flushes, marks the clean end, and closes. A writer that broke is only closed. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #commit(
    boundary: CommitBoundary,
    fragment: BodyFragment,
    schemas: readonly SchemaEntry[],
    straight: StraightTransaction | undefined,
  ): Sequence {
    const bodyByteCount = fragmentByteCount(fragment);
    // One object, and no step in between: this is done for every transaction.
    const record: CommitRecord = {
      xid: boundary.xid,
      sequence: this.#head.nextSequence,
      commitLsn: boundary.commitLsn,
      commitEndLsn: boundary.commitEndLsn,
      commitTimeMicros: boundary.commitTimeMicros,
      schemaCount: schemas.length,
      messageCount: fragment.messageCount + (straight?.messageCount ?? 0),
      fragmentCount: straight?.fragments.length ?? 0,
      fragmentsCrc: straight?.fragmentsCrc ?? 0,
      firstFragmentOffset: straight?.fragments[0]?.offset ?? this.#segments.end,
      bodyByteCount: bodyByteCount + (straight?.bodyByteCount ?? 0),
    };
    const encoding = bodyByteCount === 0 ? bodyEncodingCode.none : bodyEncodingCode[fragment.encoding];
    this.#appendCommit(record, { kind: frameKind.commit, encoding, body: fragment.body, bodyByteCount }, schemas);
    return record.sequence;
  }

  #commitSpooled(boundary: CommitBoundary, spooled: SpooledCommit, schemas: readonly SchemaEntry[]): Sequence {
    const { kind, prefix, reference } = spooled;
    const { messageCount, bodyByteCount } = reference;
    const record: CommitRecord = {
      ...boundary,
      sequence: this.#head.nextSequence,
      schemaCount: schemas.length,
      messageCount,
      fragmentCount: 0,
      fragmentsCrc: 0,
      firstFragmentOffset: this.#segments.end,
      bodyByteCount,
    };
    const body = [...prefix, encodeSpoolReference(reference)];
    const byteCount = body.reduce((sum, part) => sum + part.length, 0);
    this.#appendCommit(record, { kind, encoding: bodyEncodingCode.none, body, bodyByteCount: byteCount }, schemas);
    return record.sequence;
  }

  #appendCommit(
    record: CommitRecord,
    { kind, encoding, body, bodyByteCount }: Omit<AppendedFrame, 'xid' | 'durableEnd' | 'record'>,
    schemas: readonly SchemaEntry[],
  ): void {
    assertInvariant(this.#head.source !== undefined, 'a source is recorded before its transactions');
    assertInvariant(this.#head.accepts(record), 'commits are appended in the order of their ends');
    const { xid } = record;
    const { durableEnd } = this.#segments;
    this.#segments.append({ kind, encoding, xid, durableEnd, record, body, bodyByteCount });
    this.#head.noteCommit(record);
    for (const entry of schemas) {
      this.#segments.appendControl(frameKind.schema, 0, encodeSchema(entry));
      this.#head.noteSchema(entry);
    }
  }

  /** Before anything that is not a fragment of the straight transaction. */
  #beginUnit(): void {
    this.#assertUsable();
    this.#open.moveStraightToSpool();
    this.#segments.rollWhenFull();
  }

  #appendCopyProgress(progress: CopyProgress): void {
    this.#segments.appendControl(frameKind.copyProgress, snapshotXid, encodeCopyProgress(progress));
    this.#head.noteCopyProgress(progress);
  }

  #startFlush(): Promise<DurableEnd> {
    const running = this.#perform().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #perform(): Promise<DurableEnd> {
    const { place } = this.#segments;
    const state = this.#head.toRecorderState();
    const { steps, byteCount } = this.#segments.take();
    this.#performingByteCount = byteCount;
    try {
      if (this.#failure !== undefined) throw this.#closedError();
      if (steps.length > 0) {
        await this.#options.ownership.verify(steps.some(({ kind }) => kind === 'roll'));
        await this.#files.perform(steps);
      }
    } catch (error) {
      this.#failure ??= writeFailure(error, this.#options.paths.directory);
      throw this.#failure;
    } finally {
      this.#performingByteCount = 0;
    }
    this.#state = state;
    this.#segments.noteDurable(place);
    this.#options.publisher.publish(place);
    return { sequence: place.sequence, recordedLsn: place.recordedLsn };
  }

  async #close(): Promise<void> {
    try {
      if (this.#failure === undefined) this.#open.dropStraight();
      if (this.#failure === undefined) await this.flush();
      this.#segments.appendControl(frameKind.mark, 0, encodeMark(this.#options.epoch, 'closed'));
      if (this.#failure === undefined) await this.flush();
    } finally {
      this.#failure ??= new HeadwaterError('HW-JOURNAL-009', 'the journal writer is closed');
      await this.#files.close();
    }
  }

  #assertUsable(): void {
    if (this.#failure !== undefined || this.#closing !== undefined) throw this.#closedError();
  }

  #closedError(): HeadwaterError {
    if (this.#failure?.code === 'HW-JOURNAL-009') return this.#failure;
    return new HeadwaterError('HW-JOURNAL-009', 'the journal writer is closed', { cause: this.#failure });
  }
}

/** A commit whose body lies in a spool. */
interface SpooledCommit {
  readonly kind: typeof frameKind.spooledCommit | typeof frameKind.preparedCommit;
  /** What stands before the reference. */
  readonly prefix: readonly Uint8Array[];
  readonly reference: SpoolReference;
}
