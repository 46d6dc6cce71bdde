import type { RecorderState, SchemaEntry, SourceRecordReason } from '../../capture/change-recorder.ts';
import { lsnZero, maxLsn, type Lsn } from '../../model/lsn.ts';
import { sequenceZero, type Sequence, toSequence } from '../../model/position.ts';
import { type CopyProgress, isSameCopy, type SourceIdentity } from '../../model/source-identity.ts';
import type { CommitRecord } from './commit-record.ts';
import type { SpoolReference } from './spool-reference.ts';

/** What stands for the transaction id in the frames of a snapshot chunk: PostgreSQL gives it to no transaction. */
export const snapshotXid = 0;

/** A prepared transaction that waits for its decision. */
export interface PreparedTransaction {
  readonly gid: string;
  readonly xid: number;
  readonly spool: SpoolReference;
}

/** What the carry frame at the start of a segment says of everything before it. */
export interface Carry {
  readonly source: SourceIdentity | undefined;
  readonly sourceStartLsn: Lsn;
  readonly lastCommitEndLsn: Lsn;
  readonly recordedLsn: Lsn;
  readonly lastSequence: Sequence;
  readonly prepared: readonly PreparedTransaction[];
  readonly copies: readonly CopyProgress[];
}

type CommitPlace = Pick<CommitRecord, 'sequence' | 'commitEndLsn'>;

/** Before anything was recorded. */
export const emptyCarry: Carry = {
  source: undefined,
  sourceStartLsn: lsnZero,
  lastCommitEndLsn: lsnZero,
  recordedLsn: lsnZero,
  lastSequence: sequenceZero,
  prepared: [],
  copies: [],
};

/** Where the history stands: changed by each unit that is written or read, in order. The writer and every reader keep one. */
export class JournalHead {
  #source: SourceIdentity | undefined;
  #sourceStartLsn: Lsn;
  /** The last commit itself: most are followed by the next before anybody asks for their numbers, each of which is an object. */
  #last: CommitPlace;
  /** Without the last commit. */
  #recordedLsn: Lsn;
  readonly #prepared: Map<string, PreparedTransaction>;
  readonly #schemas = new Map<number, Uint8Array>();
  #copies: readonly CopyProgress[];

  constructor(carry: Carry, schemas: readonly SchemaEntry[] = []) {
    this.#source = carry.source;
    this.#sourceStartLsn = carry.sourceStartLsn;
    this.#last = { sequence: carry.lastSequence, commitEndLsn: carry.lastCommitEndLsn };
    this.#recordedLsn = carry.recordedLsn;
    this.#prepared = new Map(carry.prepared.map((entry) => [entry.gid, entry]));
    this.#copies = carry.copies;
    for (const { relationId, message } of schemas) this.#schemas.set(relationId, message);
  }

  get source(): SourceIdentity | undefined {
    return this.#source;
  }

  get lastSequence(): Sequence {
    return this.#last.sequence;
  }

  /** Of the transaction that comes next. */
  get nextSequence(): Sequence {
    return toSequence(this.#last.sequence + 1n);
  }

  get lastCommitEndLsn(): Lsn {
    return this.#last.commitEndLsn;
  }

  get recordedLsn(): Lsn {
    return maxLsn(this.#recordedLsn, this.#last.commitEndLsn);
  }

  get schemas(): readonly SchemaEntry[] {
    return [...this.#schemas].map(([relationId, message]) => ({ relationId, message }));
  }

  prepared(gid: string): PreparedTransaction | undefined {
    return this.#prepared.get(gid);
  }

  toCarry(): Carry {
    return {
      source: this.#source,
      sourceStartLsn: this.#sourceStartLsn,
      lastCommitEndLsn: this.lastCommitEndLsn,
      recordedLsn: this.recordedLsn,
      lastSequence: this.lastSequence,
      prepared: [...this.#prepared.values()],
      copies: this.#copies,
    };
  }

  /** Of copies that were begun and not finished. */
  get copies(): readonly CopyProgress[] {
    return this.#copies;
  }

  toRecorderState(): RecorderState {
    return {
      source: this.#source,
      sourceStartLsn: this.#sourceStartLsn,
      lastCommitEndLsn: this.lastCommitEndLsn,
      recordedLsn: this.recordedLsn,
      lastSequence: this.lastSequence,
      preparedGids: [...this.#prepared.keys()],
      copies: this.#copies,
    };
  }

  /** Another cluster or timeline counts LSNs of its own; on the same one the recorded LSN never goes back. */
  noteSource(source: SourceIdentity, startLsn: Lsn, _reason: SourceRecordReason): void {
    const before = this.#source;
    const isSameHistory =
      before !== undefined && before.systemId === source.systemId && before.timeline === source.timeline;
    this.#source = source;
    this.#sourceStartLsn = startLsn;
    this.#recordedLsn = isSameHistory ? maxLsn(this.recordedLsn, startLsn) : startLsn;
    if (!isSameHistory) this.#last = { sequence: this.lastSequence, commitEndLsn: lsnZero };
    this.#copies = this.#copies.filter((copy) => source.uncopiedTables.some((table) => isSameCopy(table, copy)));
  }

  /** The next transaction is `sequence`; what came before it in the segment was not read. */
  resumeAt(sequence: Sequence): void {
    this.#recordedLsn = this.recordedLsn;
    this.#last = { sequence: toSequence(sequence - 1n), commitEndLsn: lsnZero };
  }

  /** Where a snapshot chunk stands in the WAL: at the end of the last commit, or where the history begins. */
  get chunkLsn(): Lsn {
    return maxLsn(this.lastCommitEndLsn, this.#sourceStartLsn);
  }

  /** Whether a commit may follow: the next sequence, and an end behind the last one; a snapshot chunk ends where that did. */
  accepts(record: CommitRecord): boolean {
    const last = this.#last;
    if (record.sequence !== last.sequence + 1n) return false;
    return record.xid === snapshotXid
      ? record.commitEndLsn >= last.commitEndLsn
      : record.commitEndLsn > last.commitEndLsn;
  }

  /** The record is kept until the next one. */
  noteCommit(record: CommitRecord): void {
    this.#last = record;
  }

  /** Keeps the numbers of the last commit instead of its record, whose bytes are about to go. */
  keepLast(): void {
    const { sequence, commitEndLsn } = this.#last;
    this.#last = { sequence, commitEndLsn };
  }

  noteCopyProgress(progress: CopyProgress): void {
    this.#copies = [...this.#copies.filter((copy) => !isSameCopy(copy, progress)), progress];
  }

  noteProgress(lsn: Lsn): void {
    this.#recordedLsn = maxLsn(this.#recordedLsn, lsn);
  }

  notePrepared(entry: PreparedTransaction, prepareEndLsn: Lsn): void {
    this.#prepared.set(entry.gid, entry);
    this.noteProgress(prepareEndLsn);
  }

  noteDecided(gid: string): void {
    this.#prepared.delete(gid);
  }

  noteSchema({ relationId, message }: SchemaEntry): void {
    this.#schemas.set(relationId, message);
  }
}
