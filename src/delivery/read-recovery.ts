import type { ClockTimer } from '../foundation/clock.ts';
import type { HeadwaterError } from '../foundation/error.ts';
import type { DeliveryOptions } from './delivery.ts';
import { decideRetry } from './retry-decision.ts';

/** Opens a lane's way through the journal anew after a read that failed for a reason that waiting mends. */
export class ReadRecovery {
  readonly #options: Pick<DeliveryOptions, 'lane' | 'random' | 'clock' | 'counts' | 'observer'>;
  #attempt = 0;
  #timer: ClockTimer | undefined;

  constructor(options: Pick<DeliveryOptions, 'lane' | 'random' | 'clock' | 'counts' | 'observer'>) {
    this.#options = options;
  }

  /** Calls `reopen` after a delay; returns the error instead when waiting does not help. */
  plan(error: HeadwaterError, reopen: () => void): HeadwaterError | undefined {
    const { lane, random, clock, counts, observer } = this.#options;
    this.#attempt += 1;
    const decision = decideRetry({ error, attempt: this.#attempt, policy: lane.retry, chance: random.next() });
    if (decision.kind === 'stop') return decision.error;
    counts.retries += 1;
    this.#timer = clock.setTimer(decision.delayMs, () => {
      this.#timer = undefined;
      reopen();
    });
    observer.onWriteFailed(error, undefined);
    return undefined;
  }

  /** A read succeeded. */
  recover(): void {
    if (this.#attempt === 0) return;
    this.#attempt = 0;
    this.#options.observer.onRecovered();
  }

  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  clear(): void {
    this.#timer?.clear();
  }
}
