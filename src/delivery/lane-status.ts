import type { DecodeCounts } from '../capture/transaction-decoder.ts';
import type { Instant } from '../foundation/clock.ts';
import type { HeadwaterError } from '../foundation/error.ts';
import { unreachable } from '../foundation/assert.ts';
import type { Sequence } from '../model/position.ts';
import type { UncopiedTable } from '../model/source-identity.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { LaneState } from './lane-state.ts';

/** One word for people and metrics. */
export type LaneCondition = 'starting' | 'running' | 'retrying' | 'paused' | 'draining' | 'stopped' | 'failed';

/** What went wrong, when, and at which record. */
export interface LaneFailure {
  readonly error: HeadwaterError;
  readonly at: Instant;
  /** The record that it concerns, when it concerns one. */
  readonly recordId: string | undefined;
}

/** A snapshot of a lane. Counts are since the lane was made. */
export interface LaneStatus {
  readonly name: string;
  readonly sinkKind: string;
  readonly target: string;
  readonly condition: LaneCondition;
  /** Since when the condition holds. */
  readonly since: Instant;
  /** Everything up to here took effect. Undefined before the first start. */
  readonly checkpoint: Checkpoint | undefined;
  readonly lag: LaneLag;
  /** The last failure, also when it has been overcome since. */
  readonly lastFailure: LaneFailure | undefined;
  readonly deliveredCount: number;
  readonly filteredCount: number;
  readonly retryCount: number;
  /** Records that failed and are parked, each with its key, and these together with those that wait behind them. */
  readonly parkedKeyCount: number;
  readonly parkedRecordCount: number;
  /** What the journal holds and is no record: counted, never delivered. */
  readonly leftOut: DecodeCounts;
  /** True only when every row there ever was is in the journal and the lane began at its beginning. */
  readonly isComplete: boolean;
  /** Tables whose older rows are not in the journal, and so not in the sink. */
  readonly uncopiedTables: readonly UncopiedTable[];
  /** The sequence that the lane began behind; undefined before it was recorded. */
  readonly origin: Sequence | undefined;
  /** The name that its sink and its copies know it by: its own, unless it was renamed. */
  readonly originalName: string;
  /** The lane began behind the beginning of the journal: at now, at a time, or after retention had removed the beginning. */
  readonly beganLater: boolean;
}

/** How far a lane is behind the durable end of the journal. */
export interface LaneLag {
  readonly transactionCount: bigint;
  /** Records taken from the journal and not acknowledged, and about their bytes. */
  readonly pendingRecordCount: number;
  readonly pendingByteCount: number;
  /** Age of the oldest commit that is not acknowledged, or at most that; 0 when caught up. */
  readonly ageMs: number;
}

/** What the lane counts while it runs. */
export interface LaneCounts {
  delivered: number;
  filtered: number;
  retries: number;
  foreignMessages: number;
  adoptedOutboxChanges: number;
  outboxChanges: number;
}

/** Counts that begin at zero. */
export function createLaneCounts(): LaneCounts {
  return { delivered: 0, filtered: 0, retries: 0, foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 };
}

/** The word for a state. */
export function conditionOf(state: LaneState): LaneCondition {
  switch (state.kind) {
    case 'starting':
      return state.isRetrying ? 'retrying' : 'starting';
    case 'running':
      if (state.isRetrying) return 'retrying';
      return state.isDraining ? 'draining' : 'running';
    case 'halting':
      return state.outcome.kind === 'restarted' ? 'starting' : state.outcome.kind;
    case 'stopped':
    case 'paused':
    case 'failed':
      return state.kind;
    default:
      return unreachable(state);
  }
}
