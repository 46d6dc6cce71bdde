import { toInstant, type Instant } from '../foundation/clock.ts';
import type { JournalRecord } from './journal-record.ts';
import type { Lsn } from './lsn.ts';
import type { Sequence } from './position.ts';
import type { UncopiedTable } from './source-identity.ts';

/** Where and when a source transaction committed. */
export interface CommitBoundary {
  /** Low 32 bits of the transaction id, as the stream carries it. */
  readonly xid: number;
  readonly commitLsn: Lsn;
  /** First byte behind the commit record. This is what is confirmed and compared; it grows from commit to commit. */
  readonly commitEndLsn: Lsn;
  /** Microseconds since 1970-01-01T00:00:00Z, exactly as committed. */
  readonly commitTimeMicros: bigint;
}

/** A committed transaction's place in the journal. */
export interface TransactionHeader extends CommitBoundary {
  readonly sequence: Sequence;
  readonly systemId: string;
  readonly timeline: number;
  /** How many messages its body holds; an upper bound of its records. */
  readonly messageCount: number;
  /** Tables of which the history up to here lacks rows. */
  readonly uncopiedTables?: readonly UncopiedTable[] | undefined;
  /** Copies for single lanes that were asked for up to here. */
  readonly copiedLanes?: readonly string[] | undefined;
}

/**
 * A run of records of one committed transaction, in order. Small transactions are one part; a large one comes in several,
 * so that memory stays bounded. `isLast` is true for exactly one part of each transaction.
 */
export interface TransactionPart {
  readonly header: TransactionHeader;
  readonly records: readonly JournalRecord[];
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Bytes of the part in the journal, for limits on memory. */
  readonly byteCount: number;
}

/** When the transaction committed, in milliseconds; the microseconds are cut off. */
export function commitInstant(boundary: CommitBoundary): Instant {
  return toInstant(Number(boundary.commitTimeMicros / 1000n));
}
