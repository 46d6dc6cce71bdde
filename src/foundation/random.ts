/** The only source of chance. Tests and the simulator pass a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** The machine's own randomness. */
export const systemRandom: Random = {
  next: () => Math.random(),
  // Web Crypto, which every runtime has: this file belongs to what an application imports at the edge.
  bytes: readSystemBytes,
};

/** What `getRandomValues` gives at once, at most. */
const systemReadBytesMax = 65_536;

/**
 * Ids take 16 bytes each, and a call of the machine's source costs as much as all else about one, so they are cut from what one call
 * gave, as Node's `randomUUID` does. Whatever is longer, a key for one, is asked for by itself.
 */
const pooledBytesMax = 16;
const pool = { bytes: new Uint8Array(), used: 0 };

function readSystemBytes(count: number): Uint8Array {
  if (count > pooledBytesMax) return readFresh(count);
  if (pool.used + count > pool.bytes.length) {
    pool.bytes = readFresh(4096);
    pool.used = 0;
  }
  const bytes = pool.bytes.slice(pool.used, pool.used + count);
  pool.bytes.fill(0, pool.used, pool.used + count);
  pool.used += count;
  return bytes;
}

function readFresh(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let offset = 0; offset < count; offset += systemReadBytesMax) {
    globalThis.crypto.getRandomValues(bytes.subarray(offset, offset + systemReadBytesMax));
  }
  return bytes;
}

/** A repeatable source (mulberry32): the same seed gives the same sequence. Not for secrets. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextUint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    next: () => nextUint32() / 0x1_0000_0000,
    bytes: (count) => Uint8Array.from({ length: count }, () => nextUint32() & 0xff),
  };
}
