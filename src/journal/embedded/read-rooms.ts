/** Memory to read into, lent to one reader at a time. */
export type ReadRoom = Uint8Array<ArrayBuffer>;

/** A page of an index, and the way from one place of a segment to the next where transactions are small. */
const roomByteCount = 128 * 1024;
const keptCountMax = 8;

/**
 * Rooms for readers that keep nothing of what they read. Buffers of their own lie outside the heap, and some hundred of them
 * make the engine collect all of it, which stops everything for longer than a look-up takes.
 */
export class ReadRooms {
  readonly #free: ReadRoom[] = [];

  /** Lends a room for as long as `work` takes. */
  async use<Result>(work: (room: ReadRoom) => Promise<Result>): Promise<Result> {
    const room = this.#free.pop() ?? new Uint8Array(roomByteCount);
    try {
      return await work(room);
    } finally {
      if (this.#free.length < keptCountMax) this.#free.push(room);
    }
  }
}
