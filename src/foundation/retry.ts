import type { Clock } from './clock.ts';
import { HeadwaterError } from './error.ts';
import type { Random } from './random.ts';

/** Exponential back-off with full jitter: each delay is drawn between zero and a ceiling that doubles. */
export interface RetryPolicy {
  /** Ceiling of the first delay. Default 100 ms. */
  readonly initialDelayMs: number;
  /** No ceiling grows above this. Default 30,000 ms. */
  readonly maxDelayMs: number;
  /** How many times in a row without progress before giving up. Default: never. */
  readonly maxAttempts: number;
}

/** From 100 ms to 30 s, for ever. */
export const defaultRetryPolicy: RetryPolicy = {
  initialDelayMs: 100,
  maxDelayMs: 30_000,
  maxAttempts: Number.POSITIVE_INFINITY,
};

/** The delay before attempt `attempt + 1`, given that `attempt` (1-based) has failed. `chance` lies in [0, 1). */
export function planRetryDelayMs(policy: RetryPolicy, attempt: number, chance: number): number {
  const ceilingMs = Math.min(policy.maxDelayMs, policy.initialDelayMs * 2 ** Math.min(attempt - 1, 40));
  return Math.floor(chance * ceilingMs);
}

/** What `retry` needs: the policy, time, chance, and who may cancel. */
export interface RetryOptions {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Told of each failure before the wait. */
  readonly onFailure?: (error: HeadwaterError, attempt: number, delayMs: number) => void;
}

/**
 * Calls `operation` until it succeeds, while its error's policy is `retry`. Rejects with `signal.reason` on cancel, with
 * the last error when the policy says stop or the attempts are used up.
 */
export async function retry<Result>(
  operation: (attempt: number) => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (thrown) {
      options.signal?.throwIfAborted();
      const error = HeadwaterError.from(thrown);
      if (error.policy === 'stop' || attempt >= options.policy.maxAttempts) throw error;
      const delayMs = planRetryDelayMs(options.policy, attempt, options.random.next());
      options.onFailure?.(error, attempt, delayMs);
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
