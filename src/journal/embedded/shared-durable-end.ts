import { toLsn } from '../../model/lsn.ts';
import { toSequence } from '../../model/position.ts';
import { ChangeWaiters } from './change-waiters.ts';
import type { DurableEndPublisher, DurableEndWatch, DurablePlace } from './durable-place.ts';

const byteCount = 40;
const versionIndex = 0;
const fieldIndex = { sequence: 1, recordedLsn: 2, segment: 3, offset: 4 } as const;

/** Memory for one `SharedDurableEnd`, to be passed to the writer's thread. */
export function allocateSharedEnd(): SharedArrayBuffer {
  return new SharedArrayBuffer(byteCount);
}

/**
 * The durable end across threads: one publishes, any number watch, each thread with an object of its own over the same
 * memory. The version is odd while a publication is under way, so that readers never see half of one; a change of it wakes
 * the watching threads without a message.
 */
export class SharedDurableEnd implements DurableEndPublisher, DurableEndWatch {
  readonly #version: Int32Array<SharedArrayBuffer>;
  readonly #fields: BigInt64Array<SharedArrayBuffer>;
  readonly #waiters = new ChangeWaiters();
  #isWatching = false;

  constructor(memory: SharedArrayBuffer) {
    this.#version = new Int32Array(memory);
    this.#fields = new BigInt64Array(memory);
  }

  get version(): number {
    return Atomics.load(this.#version, versionIndex) & ~1;
  }

  get place(): DurablePlace {
    for (;;) {
      const before = Atomics.load(this.#version, versionIndex);
      const place: DurablePlace = {
        sequence: toSequence(Atomics.load(this.#fields, fieldIndex.sequence)),
        recordedLsn: toLsn(BigInt.asUintN(64, Atomics.load(this.#fields, fieldIndex.recordedLsn))),
        segment: Number(Atomics.load(this.#fields, fieldIndex.segment)),
        offset: Number(Atomics.load(this.#fields, fieldIndex.offset)),
      };
      if ((before & 1) === 0 && Atomics.load(this.#version, versionIndex) === before) return place;
    }
  }

  publish(place: DurablePlace): void {
    Atomics.add(this.#version, versionIndex, 1);
    Atomics.store(this.#fields, fieldIndex.sequence, place.sequence);
    Atomics.store(this.#fields, fieldIndex.recordedLsn, BigInt.asIntN(64, place.recordedLsn));
    Atomics.store(this.#fields, fieldIndex.segment, BigInt(place.segment));
    Atomics.store(this.#fields, fieldIndex.offset, BigInt(place.offset));
    Atomics.add(this.#version, versionIndex, 1);
    Atomics.notify(this.#version, versionIndex);
  }

  changedSince(version: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.version !== version) return Promise.resolve();
    const waiting = this.#waiters.wait(signal);
    void this.#watch(version);
    return waiting;
  }

  /** One wait for all waiters of this thread. */
  async #watch(version: number): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    while (this.version === version) {
      const outcome = Atomics.waitAsync(this.#version, versionIndex, Atomics.load(this.#version, versionIndex));
      if (outcome.async) await outcome.value;
    }
    this.#isWatching = false;
    this.#waiters.wake();
  }
}
