import type { Clock } from './clock.ts';

/** When work is to end. */
export interface DeadlineOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Cancels earlier. */
  readonly signal: AbortSignal | undefined;
  /** The reason to end with when the time is over. */
  readonly onTimeout: () => unknown;
}

/** Runs work with a signal that is aborted when the time is over or the caller's own is. Nothing is left behind. */
export async function withDeadline<Result>(
  { clock, onTimeout, signal, timeoutMs }: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const ended = new AbortController();
  const abort = (): void => ended.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const timer = clock.setTimer(timeoutMs, () => ended.abort(onTimeout()));
  try {
    return await work(ended.signal);
  } finally {
    timer.clear();
    signal?.removeEventListener('abort', abort);
  }
}
