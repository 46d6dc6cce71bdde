declare const instantBrand: unique symbol;
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly [instantBrand]: true };

/** A timer that was set; `clear` is legal in any state. */
export interface ClockTimer {
  clear(): void;
}

/** The only source of time. Tests and the simulator pass a clock of their own. */
export interface Clock {
  /** Wall-clock time, for records and for people. It may jump. */
  now(): Instant;
  /** Milliseconds of a clock that never goes back, for intervals. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`. The timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): ClockTimer;
  /** Resolves after `delayMs`; rejects with `signal.reason` when aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Marks a number of milliseconds since 1970 as an instant. */
export function toInstant(milliseconds: number): Instant {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where the brand is given.
  return milliseconds as Instant;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => toInstant(Date.now()),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = startTimer(delayMs, callback);
    timer.current.unref();
    return { clear: () => clearTimeout(timer.current) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer.current);
        reject(signal?.reason);
      };
      const timer = startTimer(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

/** What one timer of Node can hold, 24.8 days: a longer one would end at once. */
const timerMsMax = 2_147_483_647;

/** Several of Node's, one after the other, where one does not suffice. */
function startTimer(delayMs: number, callback: () => void): { current: NodeJS.Timeout } {
  const timer = { current: setTimeout(next, Math.min(delayMs, timerMsMax)) };
  let leftMs = delayMs;
  function next(): void {
    leftMs -= timerMsMax;
    if (!(leftMs > 0)) {
      callback();
      return;
    }
    const isKeeping = timer.current.hasRef();
    timer.current = setTimeout(next, Math.min(leftMs, timerMsMax));
    if (!isKeeping) timer.current.unref();
  }
  return timer;
}
