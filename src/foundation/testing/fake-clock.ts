import { type Clock, type Instant, toInstant } from '../clock.ts';

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #nowMs = 1_900_000_000_000;
  readonly #timers = new Map<object, { readonly dueMs: number; readonly callback: () => void }>();

  /** Timers that are set: an idle lane has none. */
  get timerCount(): number {
    return this.#timers.size;
  }

  now(): Instant {
    return toInstant(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): { clear(): void } {
    const timer = { clear: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { dueMs: this.#nowMs + delayMs, callback });
    return timer;
  }

  sleep(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.setTimer(delayMs, resolve);
    return promise;
  }

  /** Moves on and calls what is due, in the order of the times. */
  advance(milliseconds: number): void {
    const endMs = this.#nowMs + milliseconds;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, { dueMs }]) => dueMs <= endMs)
        .sort(([, a], [, b]) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1].dueMs);
      due[1].callback();
    }
    this.#nowMs = endMs;
  }
}
