import { toInstant, type Clock } from '../../src/foundation/clock.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** 2026-01-01T00:00:00Z: where virtual time begins. */
const epochMs = 1_767_225_600_000;

/** A clock whose time is the scheduler's. Its timers end with the process. */
export function createSimulatedClock(owner: SimulatedProcess): Clock {
  return {
    now: () => toInstant(epochMs + owner.nowMs),
    monotonicMs: () => owner.nowMs,
    setTimer(delayMs, callback) {
      return { clear: owner.schedule('timer', delayMs, callback) };
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
        const takeBack = owner.schedule('sleep', delayMs, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
