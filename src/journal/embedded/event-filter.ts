const blockByteCount = 64;
const termsPerBlock = 50;
const bitsPerTerm = 7;

/** A Bloom filter in blocks of one cache line (`docs/reference/journal-format-1.md`, "Index"): never says no to what it holds. */
export class EventFilter {
  readonly bytes: Uint8Array;
  readonly #blockCount: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#blockCount = Math.floor(bytes.length / blockByteCount);
  }

  static forTerms(termCount: number): EventFilter {
    return new EventFilter(new Uint8Array(blockByteCount * Math.max(1, Math.ceil(termCount / termsPerBlock))));
  }

  add(hash: number, blockHash: number): void {
    const start = (blockHash % this.#blockCount) * blockByteCount;
    for (let index = 0; index < bitsPerTerm; index += 1) {
      const bit = bitOf(hash, index);
      const at = start + (bit >>> 3);
      this.bytes[at] = (this.bytes[at] ?? 0) | (1 << (bit & 7));
    }
  }

  mayHold(hash: number, blockHash: number): boolean {
    const start = (blockHash % this.#blockCount) * blockByteCount;
    for (let index = 0; index < bitsPerTerm; index += 1) {
      const bit = bitOf(hash, index);
      if (((this.bytes[start + (bit >>> 3)] ?? 0) & (1 << (bit & 7))) === 0) return false;
    }
    return true;
  }
}

function bitOf(hash: number, index: number): number {
  const step = ((hash >>> 9) & 511) | 1;
  return ((hash & 511) + index * step) & 511;
}
