import { systemClock } from '../../foundation/clock.ts';
import type { HeadwaterError } from '../../foundation/error.ts';

/** How long a wait lasts. */
export interface ViewWaitOptions {
  /** Default 30,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What is waited for, and what a wait that takes too long is told. */
export interface AwaitedPlace {
  readonly isReached: () => boolean;
  readonly describeTimeout: (timeoutMs: number) => HeadwaterError;
}

interface Wait {
  readonly isReached: () => boolean;
  settle(error?: unknown): void;
}

/** Waits for a place of a view. Nothing polls: they are looked at when the view has moved. */
export class PositionWaits {
  readonly #waits = new Set<Wait>();

  /** Resolves when the place is reached. Rejects with `signal.reason` on cancel, and with what `refuse` is given. */
  wait({ describeTimeout, isReached }: AwaitedPlace, options: ViewWaitOptions = {}): Promise<void> {
    const { signal, timeoutMs = 30_000 } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      if (isReached()) {
        resolve();
        return;
      }
      const settle = (error?: unknown): void => {
        this.#waits.delete(wait);
        timer.clear();
        signal?.removeEventListener('abort', abort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const abort = (): void => settle(signal?.reason);
      const wait: Wait = { isReached, settle };
      const timer = systemClock.setTimer(timeoutMs, () => settle(describeTimeout(timeoutMs)));
      signal?.addEventListener('abort', abort, { once: true });
      this.#waits.add(wait);
    });
  }

  /** The view has moved. */
  look(): void {
    for (const wait of this.#waits) if (wait.isReached()) wait.settle();
  }

  /** What is waited for will not come. */
  refuse(error: HeadwaterError): void {
    for (const wait of this.#waits) wait.settle(error);
  }
}
