import type { Clock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Random } from '../../foundation/random.ts';
import { planRetryDelayMs } from '../../foundation/retry.ts';
import type { TokenEntry } from '../../model/version-token.ts';
import { askOutcome, describeDoubt, type DoubtReason, type Outcomes, type Verdict } from './commit-outcome.ts';
import { encodeReceipt, type ReceiptRecord } from './receipt-text.ts';

/** Whom to ask, and for how long. */
export interface SettleOptions {
  readonly handle: Outcomes;
  readonly record: ReceiptRecord;
  /** Milliseconds from the call. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/** What is known in the end. */
export type Settlement =
  | { readonly kind: 'committed'; readonly entry: TokenEntry }
  | { readonly kind: 'not-applied' }
  | { readonly kind: 'indeterminate'; readonly reason: DoubtReason; readonly cause?: unknown };

const askPolicy = { initialDelayMs: 20, maxDelayMs: 500 } as const;

/** One connection that neither opens nor fails must not use up all the time: another one may answer. */
const askTimeoutMs = 2000;

/** Asks until PostgreSQL tells or the time is over, also while it restarts. Rejects with `signal.reason` on cancel. */
export async function settleOutcome(options: SettleOptions): Promise<Settlement> {
  const { clock, handle, random, record, signal, timeoutMs } = options;
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    const limitMs = Math.min(askTimeoutMs, deadlineMs - clock.monotonicMs());
    const verdict = await answerBefore(askOutcome(handle, record), limitMs, options);
    if (verdict.kind !== 'again') return verdict;
    const delayMs = planRetryDelayMs({ ...askPolicy, maxAttempts: Infinity }, attempt, random.next());
    if (clock.monotonicMs() + delayMs >= deadlineMs) {
      return { kind: 'indeterminate', reason: verdict.reason, cause: verdict.cause };
    }
    await clock.sleep(delayMs, signal);
  }
}

/** A pool may wait for a connection for longer than there is time. */
function answerBefore(asked: Promise<Verdict>, timeoutMs: number, { clock, signal }: SettleOptions): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.clear();
      reject(signal?.reason);
    };
    const settle = (verdict: Verdict): void => {
      timer.clear();
      signal?.removeEventListener('abort', abort);
      resolve(verdict);
    };
    const timer = clock.setTimer(Math.max(0, timeoutMs), () => settle({ kind: 'again', reason: 'unreachable' }));
    signal?.addEventListener('abort', abort, { once: true });
    void asked.then(settle);
  });
}

/** The error of an outcome that nobody knows. Its receipt can be resumed. */
export function indeterminateError(
  record: ReceiptRecord,
  { cause, reason }: { readonly reason: DoubtReason; readonly cause?: unknown },
): HeadwaterError {
  return new HeadwaterError(
    'HW-TRANSACT-007',
    `transaction ${record.xid} may be committed or not: ${describeDoubt(reason)}`,
    {
      details: { outcome: 'indeterminate', reason, receipt: encodeReceipt(record) },
      cause,
    },
  );
}
