/** A growing list of index entries: a hash, and a sequence counted from the segment's first. */
export class EntryList {
  #hashes: Uint32Array = new Uint32Array(1024);
  #sequences: Uint32Array = new Uint32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(hash: number, relativeSequence: number): void {
    if (this.#length === this.#hashes.length) {
      this.#hashes = grown(this.#hashes);
      this.#sequences = grown(this.#sequences);
    }
    this.#hashes[this.#length] = hash;
    this.#sequences[this.#length] = relativeSequence;
    this.#length += 1;
  }

  /** The hash that was added as the `index`th, counted from zero. */
  hashAt(index: number): number {
    return this.#hashes[index] ?? 0;
  }

  /** Relative sequences of a hash, in the order they came. */
  find(hash: number): readonly number[] {
    const found: number[] = [];
    const hashes = this.#hashes.subarray(0, this.#length);
    for (let index = hashes.indexOf(hash); index >= 0; index = hashes.indexOf(hash, index + 1)) {
      found.push(this.#sequences[index] ?? 0);
    }
    return found;
  }

  /** All entries in ascending order, each once, as they stand in an index. */
  toSorted(): BigUint64Array {
    const sorted = new BigUint64Array(this.#length);
    for (let index = 0; index < this.#length; index += 1) {
      sorted[index] = (BigInt(this.#hashes[index] ?? 0) << 32n) | BigInt(this.#sequences[index] ?? 0);
    }
    sorted.sort();
    let length = 0;
    for (const entry of sorted) {
      if (length > 0 && sorted[length - 1] === entry) continue;
      sorted[length] = entry;
      length += 1;
    }
    return sorted.subarray(0, length);
  }
}

function grown(list: Uint32Array): Uint32Array {
  const longer = new Uint32Array(2 * list.length);
  longer.set(list);
  return longer;
}
