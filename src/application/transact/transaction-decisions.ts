import { planRetryDelayMs, type RetryPolicy } from '../../foundation/retry.ts';

/*
 * What `transact`, an inbox and an idempotency key decide about a transaction that they began. Nothing here asks or waits.
 */

/** How often a transaction that met others is run: `maxAttempts` in all. */
export interface RepeatPolicy extends RetryPolicy {
  /** No attempt is begun when so many milliseconds are over. */
  readonly budgetMs: number;
}

/** Where a series of attempts stands. */
export interface Attempts {
  /** How many have ended in a conflict. */
  readonly count: number;
  readonly elapsedMs: number;
  /** In [0, 1). */
  readonly chance: number;
}

/** What follows an attempt that ended in a conflict. */
export type AfterConflict = { readonly kind: 'again'; readonly delayMs: number } | { readonly kind: 'used-up' };

/** Whether the same work may be tried once more, and how long to wait before. */
export function decideAfterConflict(policy: RepeatPolicy, { chance, count, elapsedMs }: Attempts): AfterConflict {
  const delayMs = planRetryDelayMs(policy, count, chance);
  const isOver = count >= policy.maxAttempts || elapsedMs + delayMs >= policy.budgetMs;
  return isOver ? { kind: 'used-up' } : { kind: 'again', delayMs };
}

/** What the answer to COMMIT says. `hidden`: the client does not show it, and only the server can tell. */
export type CommitAnswer = 'committed' | 'rolled-back' | 'hidden';

/** PostgreSQL answers COMMIT without an error, and with ROLLBACK, where the transaction had failed. */
export function judgeCommitAnswer(commitTag: string | undefined): CommitAnswer {
  if (commitTag === undefined) return 'hidden';
  return commitTag === 'COMMIT' ? 'committed' : 'rolled-back';
}
