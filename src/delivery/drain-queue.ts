import type { Sequence } from '../model/position.ts';

interface DrainWaiter {
  readonly until: Sequence;
  readonly isDrain: boolean;
  settle(): void;
  refuse(error: unknown): void;
}

/** Those who wait until a lane has passed a sequence. */
export class DrainQueue {
  readonly #waiters = new Set<DrainWaiter>();

  /** Whether nobody drains the lane; those who follow it do not. */
  get isEmpty(): boolean {
    for (const { isDrain } of this.#waiters) if (isDrain) return false;
    return true;
  }

  /** As `add`, for those who want nothing of the lane but to hear of it. */
  follow(until: Sequence, signal?: AbortSignal): Promise<void> {
    return this.#wait({ until, isDrain: false }, signal);
  }

  /** Resolves once `until` is passed; rejects with `signal.reason` on cancel, or with what `refuse` is given. */
  add(until: Sequence, signal?: AbortSignal): Promise<void> {
    return this.#wait({ until, isDrain: true }, signal);
  }

  #wait(wanted: Pick<DrainWaiter, 'until' | 'isDrain'>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
      };
      const abort = (): void => waiter.refuse(signal?.reason);
      const waiter: DrainWaiter = {
        ...wanted,
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
