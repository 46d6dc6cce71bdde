import type { Sequence } from '../model/position.ts';

interface DrainWaiter {
  readonly until: Sequence;
  settle(): void;
  refuse(error: unknown): void;
}

/** Those who wait until a lane has passed a sequence. */
export class DrainQueue {
  readonly #waiters = new Set<DrainWaiter>();

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** Resolves once `until` is passed; rejects with `signal.reason` on cancel, or with what `refuse` is given. */
  add(until: Sequence, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
      };
      const abort = (): void => waiter.refuse(signal?.reason);
      const waiter: DrainWaiter = {
        until,
        settle: () => {
          leave();
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted === true) abort();
    });
  }

  /** Everything up to `passed` is acknowledged. */
  settle(passed: Sequence): void {
    for (const waiter of this.#waiters) if (waiter.until <= passed) waiter.settle();
  }

  /** Nothing will be acknowledged any more. */
  refuse(error: unknown): void {
    for (const waiter of this.#waiters) waiter.refuse(error);
  }
}
