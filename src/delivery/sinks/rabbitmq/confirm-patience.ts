import type { OutboundRecord } from '../../sink.ts';

/** So many times the time after which a late confirm is shown. */
const firstFactor = 3;
const doublingCountMax = 6;

/**
 * How long a record is left on a connection without its confirm before the connection is given up. Confirms have no deadline: a
 * quorum queue that elects a leader or a broker under load may need minutes. With a fixed limit the same records would be
 * published again and again and be in time never, so the limit of a record doubles with each connection that it was late on.
 */
export class ConfirmPatience {
  readonly #confirmTimeoutMs: number;
  readonly #givenUpCounts = new WeakMap<OutboundRecord, number>();

  constructor(confirmTimeoutMs: number) {
    this.#confirmTimeoutMs = confirmTimeoutMs;
  }

  /** In milliseconds since the record was published: three times `confirmTimeoutMs` at first, 192 times at most. Pure. */
  limitMs(record: OutboundRecord): number {
    return this.#confirmTimeoutMs * firstFactor * 2 ** (this.#givenUpCounts.get(record) ?? 0);
  }

  /** Notes that these had no confirm when a connection was given up. */
  noteGivenUp(records: Iterable<OutboundRecord>): void {
    for (const record of records) {
      this.#givenUpCounts.set(record, Math.min((this.#givenUpCounts.get(record) ?? 0) + 1, doublingCountMax));
    }
  }
}
