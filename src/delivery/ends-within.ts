import type { Clock } from '../foundation/clock.ts';

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
