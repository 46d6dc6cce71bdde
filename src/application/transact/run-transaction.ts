import { assertInvariant } from '../../foundation/assert.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { Random } from '../../foundation/random.ts';
import type { DatabaseHandle, TransactionRun, TransactionRunOptions } from '../../postgres/database-handle.ts';
import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import { isConflict } from '../../postgres/sql-state.ts';
import type { TransactionHandle } from '../../postgres/transaction-handle.ts';
import { decideAfterConflict, judgeCommitAnswer, type RepeatPolicy } from './transaction-decisions.ts';

/** How one transaction is run, and what is said of one that was not committed. */
export interface RunOptions extends TransactionRunOptions {
  /** The error for a COMMIT that was answered with something else, `ROLLBACK` for one. */
  readonly uncommitted: (commitTag: string) => Error;
}

/**
 * Runs `work` in one transaction of a database. Resolves when its COMMIT was answered without an error, and never for one that
 * was answered with ROLLBACK; a client that hides the answer has no `commitTag`, and who must know asks the server.
 * @throws `uncommitted`, and whatever `work` or the driver throws
 */
export async function runTransaction<Result>(
  database: DatabaseHandle,
  options: RunOptions,
  work: (own: unknown, transaction: TransactionHandle) => Promise<Result>,
): Promise<TransactionRun<Result>> {
  const run = await database.transaction(options, (own) => {
    const transaction = recognizeTransactionHandle(own);
    assertInvariant(
      transaction !== undefined && !transaction.isRoot,
      'a database that is known begins transactions that are known',
    );
    return work(own, transaction);
  });
  if (run.commitTag !== undefined && judgeCommitAnswer(run.commitTag) === 'rolled-back') {
    throw options.uncommitted(run.commitTag);
  }
  return run;
}

/** One attempt: what it gave, or the serialization failure or deadlock that it met, with nothing applied. */
export type Attempted<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'conflict'; readonly conflict: unknown };

/** What a series of attempts came to. */
export type Repeated<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'used-up'; readonly conflict: unknown; readonly attempts: number };

/** What repeating needs. */
export interface RepeatOptions {
  readonly policy: RepeatPolicy;
  readonly clock: Clock;
  readonly random: Random;
  /** Looked at before each attempt and while one is waited for. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs attempts until one does not end in a conflict, or they are used up. Rejects with what an attempt throws, or `signal.reason`. */
export async function repeatConflicts<Result>(
  attempt: (attempt: number) => Promise<Attempted<Result>>,
  { clock, policy, random, signal }: RepeatOptions,
): Promise<Repeated<Result>> {
  const startedMs = clock.monotonicMs();
  for (let count = 1; ; count += 1) {
    signal?.throwIfAborted();
    const attempted = await attempt(count);
    if (attempted.kind === 'done') return attempted;
    const elapsedMs = clock.monotonicMs() - startedMs;
    const next = decideAfterConflict(policy, { count, elapsedMs, chance: random.next() });
    if (next.kind === 'used-up') return { kind: 'used-up', conflict: attempted.conflict, attempts: count };
    await clock.sleep(next.delayMs, signal);
  }
}

/** An attempt that throws its conflict. Any other error passes. */
export async function attemptOnce<Result>(run: () => Promise<Result>): Promise<Attempted<Result>> {
  try {
    return { kind: 'done', result: await run() };
  } catch (thrown) {
    if (isConflict(thrown)) return { kind: 'conflict', conflict: thrown };
    throw thrown;
  }
}
