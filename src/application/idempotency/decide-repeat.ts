import type { mayRepeat } from './operation.ts';

/** How an attempt ended: with an answer, or without one, sent or perhaps sent. */
export type AttemptEnd =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'unanswered' };

/** What is left of the call. */
export interface RepeatBudget {
  readonly attempt: number;
  readonly attemptsMax: number;
  /** Milliseconds until the call must have ended. */
  readonly remainingMs: number;
  /** What the back-off would wait. */
  readonly delayMs: number;
}

/** How long to wait before the request is sent again; undefined: it is not. Pure. */
export function decideRepeat(
  may: ReturnType<typeof mayRepeat>,
  end: AttemptEnd,
  { attempt, attemptsMax, delayMs, remainingMs }: RepeatBudget,
): number | undefined {
  if (may === 'never' || attempt >= attemptsMax) return undefined;
  if (end.kind === 'answered' && !mayPass(end)) return undefined;
  const askedMs = end.kind === 'answered' ? (end.retryAfterMs ?? 0) : 0;
  const waitMs = Math.max(askedMs, delayMs);
  return waitMs < remainingMs ? waitMs : undefined;
}

/** Answers of servers and proxies that were busy or broken. 409 only says "at work" when it tells when to come back. */
function mayPass({ retryAfterMs, status }: Extract<AttemptEnd, { readonly kind: 'answered' }>): boolean {
  if (status === 409) return retryAfterMs !== undefined;
  if (status === 408 || status === 425 || status === 429) return true;
  return status >= 500 && status !== 501 && status !== 505;
}
