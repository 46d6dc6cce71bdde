import type { Clock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';

/** Whether a promise, which never rejects, settles in time. */
export function endsWithin(promise: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(limitMs, () => resolve(false));
    void promise.finally(() => {
      timer.clear();
      resolve(true);
    });
  });
}

/** Who halts, and how long what is under way may take. */
export interface HaltLimits {
  readonly name: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What became of work that was to end: by itself, after it was given up, or not within a second of that either. */
export type HaltEnd = 'in-time' | 'given-up' | 'never';

/** Waits for work, which never rejects; after the time limit it is given up by its signal. */
export async function endOrGiveUp(
  work: (giveUp: AbortSignal) => Promise<unknown>,
  { name, timeoutMs, clock }: HaltLimits,
): Promise<HaltEnd> {
  const giveUp = new AbortController();
  const ended = work(giveUp.signal);
  if (await endsWithin(ended, timeoutMs, clock)) return 'in-time';
  const message = `${name} was halted and its write took longer than ${timeoutMs} ms`;
  giveUp.abort(new HeadwaterError('HW-INTERNAL-003', message));
  return (await endsWithin(ended, 1000, clock)) ? 'given-up' : 'never';
}
