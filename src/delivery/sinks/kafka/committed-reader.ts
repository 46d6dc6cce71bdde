/** A record batch as a fetch returns it. */
export interface FetchedBatch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly records: readonly FetchedRecord[];
}

/** A record in such a batch. */
export interface FetchedRecord {
  readonly offsetDelta: number;
  readonly key: Uint8Array | null | undefined;
  readonly value: Uint8Array | null | undefined;
}

/** One partition of a fetch with isolation read_committed. */
export interface FetchedRecords {
  readonly records: readonly FetchedBatch[] | null;
  readonly abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[] | null;
}

const transactionalBit = 1 << 4;
const controlBit = 1 << 5;
const abortMarker = 0;

/**
 * Picks the committed records out of what a broker returns. With isolation read_committed the broker still sends the records
 * of aborted transactions, and says which they are: by producer, from which offset on. Its abort marker ends such a stretch.
 */
export class CommittedReader {
  #nextOffset: bigint;
  readonly #aborted = new Set<bigint>();

  constructor(nextOffset: bigint) {
    this.#nextOffset = nextOffset;
  }

  /** Where the next fetch begins. */
  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  /** The committed records in the order of their offsets. Never one twice: a broker may begin before the wanted offset. */
  take(fetched: FetchedRecords): FetchedRecord[] {
    const starts = [...(fetched.abortedTransactions ?? [])].sort((left, right) =>
      left.firstOffset < right.firstOffset ? -1 : 1,
    );
    const committed: FetchedRecord[] = [];
    for (const batch of fetched.records ?? []) {
      const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
      while (starts[0] !== undefined && starts[0].firstOffset <= lastOffset) {
        this.#aborted.add(starts[0].producerId);
        starts.shift();
      }
      if ((batch.attributes & controlBit) !== 0) this.#endAborted(batch);
      else if ((batch.attributes & transactionalBit) === 0 || !this.#aborted.has(batch.producerId)) {
        committed.push(...this.#fresh(batch));
      }
      if (lastOffset >= this.#nextOffset) this.#nextOffset = lastOffset + 1n;
    }
    return committed;
  }

  #fresh(batch: FetchedBatch): readonly FetchedRecord[] {
    if (batch.firstOffset >= this.#nextOffset) return batch.records;
    return batch.records.filter((record) => batch.firstOffset + BigInt(record.offsetDelta) >= this.#nextOffset);
  }

  /** The key of a marker is `version: int16, type: int16`. */
  #endAborted(batch: FetchedBatch): void {
    const key = batch.records[0]?.key;
    if (key !== undefined && key !== null && key.length >= 4 && ((key[2] ?? 0) << 8) + (key[3] ?? 0) === abortMarker) {
      this.#aborted.delete(batch.producerId);
    }
  }
}
