import { HeadwaterError } from '../../foundation/error.ts';
import type { IsolationLevel } from '../../postgres/database-handle.ts';
import type { TransactOptions, TransactRetry } from './transact-types.ts';

/** Options with every default. */
export interface ResolvedTransactOptions {
  readonly isolationLevel: IsolationLevel | undefined;
  readonly retry: Required<TransactRetry>;
  readonly settleTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const levels: ReadonlySet<string> = new Set(['read committed', 'repeatable read', 'serializable']);

/** Checks options as a whole, before anything is begun. @throws HW-TRANSACT-013 */
export function resolveTransactOptions(options: TransactOptions): ResolvedTransactOptions {
  const { isolationLevel, settleTimeoutMs = 5000, signal } = options;
  const retry = { attemptsMax: 5, budgetMs: 5000, initialDelayMs: 10, maxDelayMs: 500, ...options.retry };
  const isCount = Number.isSafeInteger(retry.attemptsMax) && retry.attemptsMax >= 1;
  if (!isCount) throw invalid('retry.attemptsMax is no positive whole number', retry.attemptsMax);
  const times = { ...retry, settleTimeoutMs };
  for (const name of ['budgetMs', 'initialDelayMs', 'maxDelayMs', 'settleTimeoutMs'] as const) {
    const isTime = typeof times[name] === 'number' && times[name] >= 0;
    if (!isTime) throw invalid(`${name} is no number of milliseconds`, times[name]);
  }
  if (isolationLevel !== undefined && !levels.has(isolationLevel)) {
    throw invalid(`isolationLevel is none of ${[...levels].join(', ')}`, isolationLevel);
  }
  return { isolationLevel, retry, settleTimeoutMs, signal };
}

function invalid(reason: string, value: unknown): HeadwaterError {
  return new HeadwaterError('HW-TRANSACT-013', `${reason}: ${String(value).slice(0, 40)}`);
}
