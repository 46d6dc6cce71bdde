import type { JournalRecord } from '../model/journal-record.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import type { RetryPolicy } from '../foundation/retry.ts';
import type { SinkDefinition } from './sink.ts';

/** Where a new lane begins. A lane that has a checkpoint goes on from it. */
export type LaneStart = 'beginning' | 'now' | { readonly at: Date };

/** What the user's functions see of a record. Pure: called again for the same record after a restart. */
export type RecordFilter = (record: JournalRecord, transaction: TransactionHeader) => boolean;
export type RecordRoute = (record: JournalRecord, transaction: TransactionHeader) => string | undefined;
export type RecordMap = (record: JournalRecord, transaction: TransactionHeader) => unknown;
/** The key whose order must hold. Default: an event's own key, a change's table and replica-identity key. */
export type RecordKey = (record: JournalRecord, transaction: TransactionHeader) => string | null;

export interface BatchLimits {
  /** Default 1,000 records. */
  readonly recordCountMax: number;
  /** Default 1 MiB of journal bytes. A single larger record is a batch of its own. */
  readonly byteCountMax: number;
  /** How long a batch that is not full waits for more. Default 0 ms: as long as the write before it takes. */
  readonly waitMs: number;
}

/** One lane of the configuration: a sink and the way to it. */
export interface LaneOptions {
  readonly sink: SinkDefinition;
  /** Default `beginning`. */
  readonly start?: LaneStart;
  readonly filter?: RecordFilter;
  readonly route?: RecordRoute;
  readonly map?: RecordMap;
  readonly key?: RecordKey;
  /** Changing the filter, route, map or key changes what the store holds: raise this number when it does. Default 1. */
  readonly revision?: number;
  readonly batch?: Partial<BatchLimits>;
  /** How many keys are in flight at once where the sink takes single records. Default 8. */
  readonly concurrencyMax?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Default false. A paused lane keeps its checkpoint and holds the journal. */
  readonly paused?: boolean;
}
