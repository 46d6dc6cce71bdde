import type { EventKinds } from '../model/event-kinds.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../foundation/retry.ts';
import { defaultParkedLimits, type ParkedLimits } from './parking/parking.ts';
import type { SinkDefinition } from './sink.ts';

/**
 * Where a new lane begins. A lane that has a checkpoint goes on from it. `snapshot`: now, and all rows that are in the tables
 * are copied to this lane alone.
 */
export type LaneStart = 'beginning' | 'now' | 'snapshot' | { readonly at: Date };

/** What the user's functions see of a record. Pure: called again for the same record after a restart. */
export type RecordFilter = (record: JournalRecord, transaction: TransactionHeader) => boolean;
/** Names the place that a record goes to; undefined for the default of the sink. */
export type RecordRoute = (record: JournalRecord, transaction: TransactionHeader) => string | undefined;
/** Makes what the sink writes for a record. */
export type RecordMap = (record: JournalRecord, transaction: TransactionHeader) => unknown;
/** The key whose order must hold. Default: an event's own key, a change's table and replica-identity key. */
export type RecordKey = (record: JournalRecord, transaction: TransactionHeader) => string | null;

/** How large a batch grows, and how long it waits. */
export interface BatchLimits {
  /** Default 1,000 records. */
  readonly recordCountMax: number;
  /** Default 1 MiB of journal bytes. A single larger record is a batch of its own. */
  readonly byteCountMax: number;
  /** How long a batch that is not full waits for more. Default 0 ms: as long as the write before it takes. */
  readonly waitMs: number;
}

/**
 * What becomes of a record that the sink, or a function of the lane, refuses for good. `park`: it is set aside with its key,
 * later records of that key wait behind it in the journal, all others go on. `stop`: the lane stops in front of it.
 */
export type OnPoisoned = 'park' | 'stop';

/** What a lane does when its functions read otherwise than was recorded. */
export type OnChangedFunctions = 'refuse' | 'go-on';

/** One lane of the configuration: a sink and the way to it. */
export interface LaneOptions {
  readonly sink: SinkDefinition;
  /** Default `beginning`. */
  readonly start?: LaneStart;
  readonly filter?: RecordFilter;
  readonly route?: RecordRoute;
  readonly map?: RecordMap;
  readonly key?: RecordKey;
  /**
   * The kinds of events that the receivers know: one of another kind, or of a later version, is refused and not delivered
   * (`onPoisoned`). Default: the `events` of the configuration; without those, every kind is delivered.
   */
  readonly events?: EventKinds;
  /** Changing the filter, route, map or key changes what the store holds: raise this number when it does. Default 1. */
  readonly revision?: number;
  /**
   * The name of a recorded lane whose place this new one takes: the old checkpoint is given up and this lane begins at `start`.
   * Without it, a lane under a new name for the same target is refused.
   */
  readonly replaces?: string;
  /**
   * The name that this lane was recorded under: it goes on at the old checkpoint, with what is parked. Its sink knows it by the
   * old name ever after. Of no effect once the new name is recorded.
   */
  readonly renamedFrom?: string;
  /**
   * The recorded revision that this one goes on from: what was delivered stays, and the new functions apply from the checkpoint
   * on. Of no effect once the new revision is recorded.
   */
  readonly continuesRevision?: number;
  /**
   * What to do when the text of filter, route, map or key is another than was recorded with the same revision. `refuse`
   * (default), or `go-on`, with a warning: for code whose text a build changes while its meaning stays.
   */
  readonly onChangedFunctions?: OnChangedFunctions;
  readonly batch?: Partial<BatchLimits>;
  /** How many keys are in flight at once where the sink takes single records. Default 8. */
  readonly concurrencyMax?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Default `park`; `stop` where the sink applies whole transactions, which cannot park. */
  readonly onPoisoned?: OnPoisoned;
  /** How much may be parked before the lane stops. */
  readonly parked?: Partial<ParkedLimits>;
  /** Default false. A paused lane keeps its checkpoint and holds the journal. */
  readonly paused?: boolean;
}

/** A lane with every default filled in. */
export interface ResolvedLaneOptions {
  readonly sink: SinkDefinition;
  readonly start: LaneStart;
  readonly filter?: RecordFilter | undefined;
  readonly route?: RecordRoute | undefined;
  readonly map?: RecordMap | undefined;
  readonly key?: RecordKey | undefined;
  readonly events?: EventKinds | undefined;
  readonly revision: number;
  readonly replaces?: string | undefined;
  readonly renamedFrom?: string | undefined;
  readonly continuesRevision?: number | undefined;
  readonly onChangedFunctions: OnChangedFunctions;
  readonly batch: BatchLimits;
  readonly concurrencyMax: number;
  readonly retry: RetryPolicy;
  /** Undefined: as the sink allows. */
  readonly onPoisoned?: OnPoisoned | undefined;
  readonly parked: ParkedLimits;
  readonly paused: boolean;
}

/** The defaults of a lane's batches. */
export const defaultBatchLimits: BatchLimits = { recordCountMax: 1000, byteCountMax: 1_048_576, waitMs: 0 };

/** Fills in the defaults. Checks nothing: the configuration schema does. */
export function resolveLaneOptions(options: LaneOptions): ResolvedLaneOptions {
  return {
    ...options,
    start: options.start ?? 'beginning',
    revision: options.revision ?? 1,
    onChangedFunctions: options.onChangedFunctions ?? 'refuse',
    batch: { ...defaultBatchLimits, ...options.batch },
    concurrencyMax: options.concurrencyMax ?? 8,
    retry: { ...defaultRetryPolicy, ...options.retry },
    parked: { ...defaultParkedLimits, ...options.parked },
    paused: options.paused ?? false,
  };
}
