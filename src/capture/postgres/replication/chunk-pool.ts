const chunkLength = 1_048_576;
/** Less room than this is not worth a read. */
const readLengthMin = 65_536;

/**
 * Buffers that a socket reads into, one behind the other, so that what one read leaves unfinished the next one continues in
 * place. A byte is written once; a chunk is freed when nobody refers to a view of it any more.
 */
export class ChunkPool {
  #chunk: Buffer = Buffer.allocUnsafeSlow(chunkLength);
  #filled = 0;

  /** Room for the next read. */
  room(): Buffer {
    if (chunkLength - this.#filled < readLengthMin) {
      this.#chunk = Buffer.allocUnsafeSlow(chunkLength);
      this.#filled = 0;
    }
    return this.#chunk.subarray(this.#filled);
  }

  /** The bytes that a read has put into the room. */
  take(length: number): Buffer {
    const bytes = this.#chunk.subarray(this.#filled, this.#filled + length);
    this.#filled += length;
    return bytes;
  }
}
