import { toInstant, type Clock } from '../../src/foundation/clock.ts';
import type { Scheduler } from './scheduler.ts';

/** 2026-01-01T00:00:00Z: where virtual time begins. */
const epochMs = 1_767_225_600_000;

/** A clock whose time is the scheduler's. */
export function createSimulatedClock(scheduler: Scheduler): Clock {
  return {
    now: () => toInstant(epochMs + scheduler.nowMs),
    monotonicMs: () => scheduler.nowMs,
    setTimer(delayMs, callback) {
      return { clear: scheduler.schedule(`timer ${delayMs}`, delayMs, callback) };
    },
    sleep(delayMs, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        const onAbort = (): void => {
          takeBack();
          reject(signal?.reason);
        };
        const takeBack = scheduler.schedule(`sleep ${delayMs}`, delayMs, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
