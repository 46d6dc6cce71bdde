import { HeadwaterError } from '../foundation/error.ts';
import { planRetryDelayMs, type RetryPolicy } from '../foundation/retry.ts';
import { type Checkpoint, compareCheckpoints, isSameCheckpoint } from './checkpoint.ts';

/** What to do after a failure. */
export type RetryDecision =
  | { readonly kind: 'again'; readonly delayMs: number }
  | { readonly kind: 'stop'; readonly error: HeadwaterError };

/** What is known of a failure. */
export interface FailedAttempt {
  readonly error: HeadwaterError;
  /** How many attempts in a row have failed without progress, this one included. */
  readonly attempt: number;
  readonly policy: RetryPolicy;
  /** In [0, 1): the jitter. */
  readonly chance: number;
}

/** Whether waiting can mend a failure, and how long: what the other side asked for, and full jitter below a ceiling that doubles. */
export function decideRetry({ error, attempt, policy, chance }: FailedAttempt): RetryDecision {
  if (error.policy === 'stop') return { kind: 'stop', error };
  if (attempt >= policy.maxAttempts) {
    const message = `${attempt} attempts failed in a row, the last with ${error.code}: ${error.message}`;
    return {
      kind: 'stop',
      error: new HeadwaterError('HW-LANE-013', message, { cause: error, details: { attempt, last: error.code } }),
    };
  }
  return { kind: 'again', delayMs: (error.retryAfterMs ?? 0) + planRetryDelayMs(policy, attempt, chance) };
}

/** What became of a write, and what to do next. */
export type HeldDecision =
  /** The write took effect, only its acknowledgement was lost. */
  | { readonly kind: 'acknowledged' }
  /** Nothing of it took effect: the same batch again. */
  | { readonly kind: 'again' }
  /** The store is at another place that it has been at: deliver from there. */
  | { readonly kind: 'rewind'; readonly to: Checkpoint }
  | { readonly kind: 'refuse'; readonly error: HeadwaterError };

/** What is known of a write that failed on the way. */
export interface UnknownOutcome {
  /** What the store holds now. */
  readonly held: Checkpoint | undefined;
  /** What it is known to have made durable before the write; where the lane began when it never wrote. */
  readonly durable: Checkpoint;
  /** Whether the store was ever seen to hold a checkpoint of this lane. */
  readonly wasHeld: boolean;
  readonly from: Checkpoint;
  readonly to: Checkpoint;
}

/** What became of a write whose outcome is unknown, by what a store that keeps the checkpoint holds. Pure. */
export function decideByHeld(outcome: UnknownOutcome): HeldDecision {
  const { from, to } = outcome;
  if (outcome.held === undefined && outcome.wasHeld) {
    return refuse('HW-LANE-008', 'the sink held a checkpoint before the write and holds none now');
  }
  const held = outcome.held ?? outcome.durable;
  if (held.journalId !== to.journalId) {
    return refuse(
      'HW-LANE-001',
      `the sink holds a checkpoint of journal ${held.journalId}; the lane reads ${to.journalId}`,
    );
  }
  if (isSameCheckpoint(held, to)) return { kind: 'acknowledged' };
  if (compareCheckpoints(held, to) > 0) {
    return refuse(
      'HW-LANE-009',
      `the sink holds sequence ${held.sequence}+${held.recordCount}; this lane wrote up to ${to.sequence}+${to.recordCount}`,
    );
  }
  return isSameCheckpoint(held, from) ? { kind: 'again' } : { kind: 'rewind', to: held };
}

function refuse(code: 'HW-LANE-001' | 'HW-LANE-008' | 'HW-LANE-009', message: string): HeldDecision {
  return { kind: 'refuse', error: new HeadwaterError(code, message) };
}
