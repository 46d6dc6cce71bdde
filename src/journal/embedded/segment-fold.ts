import { crc32 } from 'node:zlib';

import type { SchemaEntry } from '../../capture/change-recorder.ts';
import { unreachable } from '../../foundation/assert.ts';
import { type Lsn, toLsn } from '../../model/lsn.ts';
import type { Sequence } from '../../model/position.ts';
import { decodeCarry, decodeCopyProgress, decodeSourceRecord } from './carry-record.ts';
import { commitRecordLength, type CommitRecord, decodeCommitRecord } from './commit-record.ts';
import { corruptBytes } from './corruption.ts';
import { type Frame, frameKind } from './frame.ts';
import { emptyCarry, JournalHead } from './journal-head.ts';
import { decodeSpoolReference, type SpoolReference } from './spool-reference.ts';

/*
 * What the frames of a segment mean, one after the other. No I/O.
 *
 *   carry ─► preamble schemas ─► units
 *   unit = fragment* (commit | drop) | spooled commit | prepared commit | source | progress | prepare | prepared rollback
 *        | copy progress | mark;  a commit of any kind is followed by as many schema frames as its record says, and they belong to it
 *
 * A frame that is intact and breaks this grammar was never written by us: a refusal, never something to cut.
 */

/** A fragment frame of the transaction that is being read. */
export type FragmentFrame = Frame;

/** What a frame meant. */
export type FoldStep =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'schema'; readonly entry: SchemaEntry; readonly isPreamble: boolean; readonly offset: number }
  | { readonly kind: 'source'; readonly offset: number }
  | { readonly kind: 'fragment'; readonly frame: FragmentFrame }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'prepared'; readonly offset: number }
  | { readonly kind: 'spool-ended'; readonly spool: SpoolReference; readonly offset: number }
  | { readonly kind: 'commit'; readonly record: CommitRecord; readonly frame: Frame }
  | {
      readonly kind: 'spooled-commit';
      readonly record: CommitRecord;
      readonly frame: Frame;
      readonly spool: SpoolReference;
    };

const nothing: FoldStep = { kind: 'nothing' };

/** Follows the frames of one segment from its first. `head` is what the history comes to. */
export class SegmentFold {
  readonly #path: string;
  readonly #preambleEnd: number;
  #head: JournalHead = new JournalHead(emptyCarry);
  #hasCarry = false;
  #unitEnd = 0;
  #unitStart = 0;
  #pendingSchemas = 0;
  #fragmentXid = 0;
  #fragmentCount = 0;
  #fragmentsCrc = 0;
  #fragmentBytes = 0;
  #firstFragmentOffset = 0;
  #lastCrc = 0;
  readonly #crcBytes = Buffer.alloc(4);

  constructor(path: string, preambleEnd: number) {
    this.#path = path;
    this.#preambleEnd = preambleEnd;
  }

  /**
   * Begins in the middle of a segment: `head` stands behind its preamble and stays as it is, `context` are the frames up to
   * `offset` that later ones rely on, where the unit of the transaction `sequence` begins.
   */
  resume(
    head: JournalHead,
    {
      context,
      sequence,
      offset,
    }: { readonly context: readonly Frame[]; readonly sequence: Sequence; readonly offset: number },
  ): void {
    this.#head = new JournalHead(head.toCarry(), head.schemas);
    this.#hasCarry = true;
    for (const frame of context) this.#resumeWith(frame);
    this.#head.resumeAt(sequence);
    this.#unitEnd = offset;
  }

  get head(): JournalHead {
    return this.#head;
  }

  /** Offset behind the last whole unit; 0 before the carry frame. */
  get unitEnd(): number {
    return this.#unitEnd;
  }

  /** Offset of the first frame of the unit that the last frame belongs to. */
  get unitStart(): number {
    return this.#unitStart;
  }

  /** The head counts a commit of which schema frames are still to come. */
  get isCommitIncomplete(): boolean {
    return this.#pendingSchemas > 0;
  }

  /** CRC field of the last frame of the last whole unit. */
  get lastCrc(): number {
    return this.#lastCrc;
  }

  /** What was read so far is about to go: nothing of a frame is referred to any more. */
  letGo(): void {
    this.#head.keepLast();
  }

  /** @throws HW-JOURNAL-005 for a frame that may not stand here */
  apply(frame: Frame): FoldStep {
    if (frame.offset === this.#unitEnd || !this.#hasCarry) this.#unitStart = frame.offset;
    const step = this.#step(frame);
    if (this.#fragmentCount === 0 && this.#pendingSchemas === 0) {
      this.#unitEnd = frame.end;
      this.#lastCrc = frame.crc;
    }
    return step;
  }

  #step(frame: Frame): FoldStep {
    if (!this.#hasCarry) return this.#carry(frame);
    if (this.#fragmentCount > 0 && !isContinuation(frame, this.#fragmentXid)) {
      throw this.#refuse(
        frame,
        `fragments of transaction ${this.#fragmentXid} are followed by a frame of another kind`,
      );
    }
    if (this.#pendingSchemas > 0 && frame.kind !== frameKind.schema) {
      throw this.#refuse(frame, 'schema frames of the commit before are missing');
    }
    switch (frame.kind) {
      case frameKind.fragment:
        return this.#fragment(frame);
      case frameKind.drop:
        this.#forgetFragments();
        return { kind: 'dropped' };
      case frameKind.commit:
        return this.#commit(frame);
      case frameKind.spooledCommit:
        return this.#spooledCommit(frame, commitRecordLength);
      case frameKind.schema:
        return this.#schema(frame);
      case frameKind.source:
        return this.#source(frame);
      case frameKind.prepare:
      case frameKind.preparedRollback:
      case frameKind.preparedCommit:
        return this.#prepared(frame);
      case frameKind.progress:
        if (frame.bodyLength !== 8) throw this.#refuse(frame, 'a progress frame of another length');
        this.#head.noteProgress(toLsn(readUint64(frame.body, 0)));
        return nothing;
      case frameKind.copyProgress:
        return this.#copyProgress(frame);
      case frameKind.mark:
        return nothing;
      case frameKind.carry:
        throw this.#refuse(frame, 'a second carry frame');
      default:
        return unreachable(frame.kind);
    }
  }

  #carry(frame: Frame): FoldStep {
    const carry = frame.kind === frameKind.carry ? decodeCarry(frame.body) : undefined;
    if (carry === undefined) throw this.#refuse(frame, 'the segment does not begin with a carry frame');
    this.#head = new JournalHead(carry);
    this.#hasCarry = true;
    return { kind: 'source', offset: frame.offset };
  }

  #fragment(frame: Frame): FoldStep {
    if (this.#fragmentCount === 0) {
      this.#fragmentXid = frame.xid;
      this.#firstFragmentOffset = frame.offset;
    }
    this.#fragmentCount += 1;
    this.#fragmentBytes += frame.bodyLength;
    this.#crcBytes.writeUInt32LE(frame.crc);
    this.#fragmentsCrc = crc32(this.#crcBytes, this.#fragmentsCrc);
    return { kind: 'fragment', frame };
  }

  #commit(frame: Frame): FoldStep {
    const record = decodeCommitRecord(frame);
    if (
      record === undefined ||
      record.fragmentCount !== this.#fragmentCount ||
      record.fragmentsCrc !== this.#fragmentsCrc ||
      record.bodyByteCount !== this.#fragmentBytes + frame.bodyLength - commitRecordLength ||
      record.firstFragmentOffset !== (this.#fragmentCount === 0 ? frame.offset : this.#firstFragmentOffset)
    ) {
      throw this.#refuse(frame, 'the commit does not fit the fragments before it');
    }
    this.#noteCommit(frame, record);
    this.#forgetFragments();
    return { kind: 'commit', record, frame };
  }

  #spooledCommit(frame: Frame, referenceStart: number): FoldStep {
    const record = decodeCommitRecord(frame);
    const spool = decodeSpoolReference(frame.body, referenceStart);
    if (record === undefined || spool === undefined || record.bodyByteCount !== spool.bodyByteCount) {
      throw this.#refuse(frame, 'a commit without a readable spool reference');
    }
    this.#noteCommit(frame, record);
    return { kind: 'spooled-commit', record, frame, spool };
  }

  #noteCommit(frame: Frame, record: CommitRecord): void {
    if (!this.#head.accepts(record)) {
      const last = `the last one is ${this.#head.lastSequence}`;
      throw this.#refuse(frame, `transaction ${record.sequence} does not follow: ${last}`);
    }
    this.#head.noteCommit(record);
    this.#pendingSchemas = record.schemaCount;
  }

  #schema(frame: Frame): FoldStep {
    const isPreamble = frame.offset < this.#preambleEnd;
    if (frame.bodyLength < 4 || (!isPreamble && this.#pendingSchemas === 0)) {
      throw this.#refuse(frame, 'a schema frame that belongs to no commit');
    }
    if (!isPreamble) this.#pendingSchemas -= 1;
    const entry = schemaOf(frame);
    this.#head.noteSchema(entry);
    return { kind: 'schema', entry, isPreamble, offset: frame.offset };
  }

  #source(frame: Frame): FoldStep {
    const record = decodeSourceRecord(frame.body);
    if (record === undefined) throw this.#refuse(frame, 'a source frame that cannot be read');
    this.#head.noteSource(record.source, record.startLsn, record.reason);
    return { kind: 'source', offset: frame.offset };
  }

  #copyProgress(frame: Frame): FoldStep {
    const progress = decodeCopyProgress(frame.body);
    if (progress === undefined) throw this.#refuse(frame, 'the progress of a copy that cannot be read');
    this.#head.noteCopyProgress(progress);
    return nothing;
  }

  #prepared(frame: Frame): FoldStep {
    const { gid, end } = this.#preparedName(frame);
    if (frame.kind === frameKind.prepare) {
      this.#prepare(frame, gid, end);
      return { kind: 'prepared', offset: frame.offset };
    }
    if (this.#head.prepared(gid) === undefined) throw this.#refuse(frame, 'a decision without a prepared transaction');
    this.#head.noteDecided(gid);
    if (frame.kind === frameKind.preparedCommit) return this.#spooledCommit(frame, end);
    const { lsn, spool } = this.#preparedPlace(frame, end);
    this.#head.noteProgress(lsn);
    return { kind: 'spool-ended', spool, offset: frame.offset };
  }

  #prepare(frame: Frame, gid: string, end: number): void {
    const { lsn, spool } = this.#preparedPlace(frame, end);
    this.#head.notePrepared({ gid, xid: frame.xid, spool }, lsn);
  }

  /** The global id in the frame of a prepared transaction, and where it ends. */
  #preparedName(frame: Frame): { readonly gid: string; readonly end: number } {
    const { body } = frame;
    const start = frame.kind === frameKind.preparedCommit ? commitRecordLength : 0;
    const length = body.length < start + 2 ? body.length : readUint16(body, start);
    const end = start + 2 + length;
    if (body.length < end) throw this.#refuse(frame, 'a prepared transaction that cannot be read');
    return { gid: Buffer.from(body.buffer, body.byteOffset + start + 2, length).toString('utf8'), end };
  }

  #preparedPlace(frame: Frame, start: number): { readonly lsn: Lsn; readonly spool: SpoolReference } {
    const { body } = frame;
    const spool = body.length < start + 8 ? undefined : decodeSpoolReference(body, start + 8);
    if (spool === undefined) throw this.#refuse(frame, 'a prepared transaction without a readable spool reference');
    return { lsn: toLsn(readUint64(body, start)), spool };
  }

  /** A frame of an index's context: it changes what later frames rely on, and was checked in its place when the index was made. */
  #resumeWith(frame: Frame): void {
    switch (frame.kind) {
      case frameKind.source:
        this.#source(frame);
        return;
      case frameKind.schema:
        if (frame.bodyLength < 4) throw this.#refuse(frame, 'a schema frame that cannot be read');
        this.#head.noteSchema(schemaOf(frame));
        return;
      case frameKind.prepare: {
        const { gid, end } = this.#preparedName(frame);
        this.#prepare(frame, gid, end);
        return;
      }
      case frameKind.preparedCommit:
      case frameKind.preparedRollback:
        this.#head.noteDecided(this.#preparedName(frame).gid);
        return;
      default:
        throw this.#refuse(frame, 'an index takes it for a frame that later ones rely on');
    }
  }

  #forgetFragments(): void {
    this.#fragmentCount = 0;
    this.#fragmentsCrc = 0;
    this.#fragmentBytes = 0;
  }

  #refuse(frame: Frame, what: string): Error {
    return corruptBytes(this.#path, frame.offset, what);
  }
}

/** What a schema frame says, as a copy: it outlives the window that the frame is a view into. */
function schemaOf({ body }: Frame): SchemaEntry {
  return { relationId: new DataView(body.buffer, body.byteOffset, 4).getUint32(0, true), message: body.slice(4) };
}

/** Whether a frame may follow an open transaction's fragments. */
function isContinuation(frame: Frame, xid: number): boolean {
  const isKind = frame.kind === frameKind.fragment || frame.kind === frameKind.commit || frame.kind === frameKind.drop;
  return isKind && frame.xid === xid;
}

function readUint64(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(at, true);
}

function readUint16(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(at, true);
}
