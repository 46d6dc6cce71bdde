import type { HeadwaterError } from '../../foundation/error.ts';
import { planRetryDelayMs, type RetryPolicy } from '../../foundation/retry.ts';

/** A server that answers at all is back within a moment, however long it was away before. */
const comingUpDelayMsMax = 100;

/** How long to wait before the next connection. `attempt` is 1 after the first failure in a row; `chance` lies in [0, 1). Pure. */
export function planReconnectDelayMs(
  policy: RetryPolicy,
  { attempt, chance, error }: { readonly attempt: number; readonly chance: number; readonly error: HeadwaterError },
): number {
  // cannot_connect_now: it is starting, or recovers from a crash.
  const isComingUp = error.details['sqlState'] === '57P03';
  const maxDelayMs = isComingUp ? Math.min(policy.maxDelayMs, comingUpDelayMsMax) : policy.maxDelayMs;
  return planRetryDelayMs({ ...policy, maxDelayMs }, Math.max(1, attempt), chance);
}
