import type { Clock, ClockTimer } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { KeyStore, Lease } from './key-store.ts';

/**
 * Renews a lease while its operation runs, thrice in its length, on a connection of its own. Only tells the operation that it
 * has lost: what keeps a late holder from writing is the epoch in each of its statements.
 */
export class LeaseKeeper implements Disposable {
  readonly #store: KeyStore;
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #lost = new AbortController();
  #timer: ClockTimer | undefined;
  #renewal: Promise<void> = Promise.resolve();
  #isHeld = false;
  #isEnded = false;

  constructor(store: KeyStore, lease: Lease, { clock, leaseMs }: { readonly clock: Clock; readonly leaseMs: number }) {
    this.#store = store;
    this.#lease = lease;
    this.#clock = clock;
    this.#intervalMs = leaseMs / 3;
    this.#schedule();
  }

  /** Aborted with HW-IDEMPOTENCY-008 when the lease is known to be lost. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#timer?.clear();
  }

  /**
   * Renews the lease once more, and then not until what it resolves to is disposed: from `repeatable read` on, a transaction cannot write
   * a row that somebody else has written since it began, and the row of the key is the last that it writes.
   */
  async hold(): Promise<Disposable> {
    this.#isHeld = true;
    this.#timer?.clear();
    await this.#renewal;
    await this.#renew();
    return {
      [Symbol.dispose]: () => {
        this.#isHeld = false;
        this.#schedule();
      },
    };
  }

  #schedule(): void {
    if (this.#isEnded || this.#isHeld) return;
    this.#timer = this.#clock.setTimer(this.#intervalMs, () => {
      this.#renewal = this.#renew();
    });
  }

  async #renew(): Promise<void> {
    try {
      const isHeld = await this.#store.renew(this.#lease);
      if (!isHeld && !this.#isEnded) this.#lost.abort(leaseLost());
      else this.#schedule();
    } catch {
      // A database that cannot be asked now may be back before the lease ends; the operation meets it by itself otherwise.
      this.#schedule();
    }
  }
}

/** What ends a holder that comes too late. */
export function leaseLost(): HeadwaterError {
  return new HeadwaterError('HW-IDEMPOTENCY-008', 'another process has taken over the operation');
}
