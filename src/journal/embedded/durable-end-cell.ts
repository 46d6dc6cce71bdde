import type { DurableEndPublisher, DurableEndWatch, DurablePlace } from './durable-place.ts';
import { ChangeWaiters } from './change-waiters.ts';

/** The durable end for a writer and readers in one thread. */
export class DurableEndCell implements DurableEndPublisher, DurableEndWatch {
  #place: DurablePlace;
  #version = 0;
  readonly #waiters = new ChangeWaiters();

  constructor(place: DurablePlace) {
    this.#place = place;
  }

  get place(): DurablePlace {
    return this.#place;
  }

  get version(): number {
    return this.#version;
  }

  publish(place: DurablePlace): void {
    this.#place = place;
    this.#version += 1;
    this.#waiters.wake();
  }

  changedSince(version: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return version === this.#version ? this.#waiters.wait(signal) : Promise.resolve();
  }
}
