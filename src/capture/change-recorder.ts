import type { Lsn } from '../model/lsn.ts';
import type { Sequence } from '../model/position.ts';
import type { CopyProgress, SourceIdentity } from '../model/source-identity.ts';
import type { CommitBoundary } from '../model/transaction.ts';

/** How the bytes of a body are to be read. A reader that does not know the name refuses the journal. */
export type BodyEncoding = 'pgoutput-copy/1' | 'snapshot-rows/1';

/** A RELATION message as it came, to be known by whoever starts reading behind it. */
export interface SchemaEntry {
  readonly relationId: number;
  readonly message: Uint8Array;
}

/** A run of messages of one transaction, byte for byte as they came. Ownership of the buffers passes to the recorder. */
export interface BodyFragment {
  readonly encoding: BodyEncoding;
  readonly body: readonly Uint8Array[];
  readonly messageCount: number;
}

/** Rows of one table as a snapshot read them, to be placed between two transactions. */
export interface SnapshotChunk {
  /** Bodies in the encoding `snapshot-rows/1`, all rows in order. */
  readonly fragments: readonly BodyFragment[];
  /** How far the copy has come with it. */
  readonly progress: CopyProgress;
  /** When the rows were read, microseconds since 1970. */
  readonly readTimeMicros: bigint;
}

/** Why a source record stands in the journal: its first one, a change to another server's history, or other published tables. */
export type SourceRecordReason = 'initial' | 'hand-over' | 'tables-changed';

/** What a recorder already holds durably. Capture compares the source with it at each start and reconnect. */
export interface RecorderState {
  /** Undefined: nothing was ever recorded. */
  readonly source: SourceIdentity | undefined;
  /** Where the recorded history of this source begins: nothing before it is in the journal. */
  readonly sourceStartLsn: Lsn;
  /** End of the last recorded transaction of this source; one that ends at or before it is a duplicate. */
  readonly lastCommitEndLsn: Lsn;
  /** The largest LSN ever made durable, by a commit or by progress. Nothing beyond it was ever confirmed. */
  readonly recordedLsn: Lsn;
  readonly lastSequence: Sequence;
  /** Global ids of transactions that were prepared and not yet decided. */
  readonly preparedGids: readonly string[];
  /** Copies that were begun and not finished. */
  readonly copies: readonly CopyProgress[];
}

/** What has become durable. */
export interface DurableEnd {
  readonly sequence: Sequence;
  /** May be confirmed to the source. */
  readonly recordedLsn: Lsn;
}

/**
 * Where capture puts transactions: what it needs of a journal and nothing else. Appends are buffered, in the order of the
 * calls; they are durable and visible only once a `flush` that began after them has resolved. One caller.
 *
 * Fragments belong to open transactions, any number at once (protocol 2 and later interleave them). Nothing of an open
 * transaction is visible before its commit; after a crash it is gone, and the source sends it again.
 */
export interface ChangeRecorder {
  readonly state: RecorderState;
  /** The source recorded last, durable or not: what a further source record builds on. */
  readonly appendedSource: SourceIdentity | undefined;
  /** Copies that were begun and not finished, as far as they were appended, durable or not. */
  readonly appendedCopies: readonly CopyProgress[];
  /** Bytes appended and not yet durable. Capture stops reading above its limit. */
  readonly pendingByteCount: number;

  /**
   * Records which source the following transactions come from. `tables-changed` replaces the identity's table lists alone:
   * `startLsn` is the present one, and `lastCommitEndLsn`, `recordedLsn` and prepared transactions stay as they are. The
   * progress of a copy ends when its table is not uncopied any more.
   */
  recordSource(identity: SourceIdentity, startLsn: Lsn, reason: SourceRecordReason): void;

  /** A small transaction at once. `schemas` came inside it and apply from the next transaction on for readers that start there. */
  appendTransaction(boundary: CommitBoundary, fragment: BodyFragment, schemas: readonly SchemaEntry[]): Sequence;

  /** A part of a transaction that is still open. `subxid` equals `xid` outside savepoints. */
  appendFragment(xid: number, subxid: number, fragment: BodyFragment): void;
  /** ROLLBACK TO SAVEPOINT: what `subxid` wrote never happened. */
  abortSubtransaction(xid: number, subxid: number): void;
  abortTransaction(xid: number): void;
  commitTransaction(boundary: CommitBoundary, schemas: readonly SchemaEntry[]): Sequence;
  /** The open transaction becomes durable under its global id, still invisible. It survives a restart. */
  prepareTransaction(xid: number, gid: string, prepareEndLsn: Lsn): void;
  commitPrepared(gid: string, boundary: CommitBoundary, schemas: readonly SchemaEntry[]): Sequence;
  rollbackPrepared(gid: string, endLsn: Lsn): void;

  /** Everything before `lsn` was received and nothing is in flight: an idle source may be confirmed up to it once durable. */
  recordProgress(lsn: Lsn): void;

  /**
   * Rows of a snapshot at their place among the commits: what stands before has happened for them, what comes behind has
   * not. Only between transactions. The progress is never durable without the rows.
   */
  appendSnapshotChunk(chunk: SnapshotChunk): Sequence;

  /** The progress of a copy changed without further rows. What is appended behind it is never durable without it. */
  recordCopyProgress(progress: CopyProgress): void;

  /**
   * Makes all that was appended durable. Never retried after a failure: the recorder is then broken and must be reopened.
   * @throws HW-JOURNAL codes: full disk, failed flush, closed.
   */
  flush(): Promise<DurableEnd>;
}
