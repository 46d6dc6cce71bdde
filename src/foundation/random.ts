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

/** Small reads come out of a larger one, for each costs microseconds whatever its size. */
const pool = new Uint8Array(4096);
const pooledBytesMax = 64;
let pooledOffset = pool.length;

function readSystemBytes(count: number): Uint8Array {
  if (count <= pooledBytesMax) return takePooled(count);
  const bytes = new Uint8Array(count);
  for (let offset = 0; offset < count; offset += systemReadBytesMax) {
    globalThis.crypto.getRandomValues(bytes.subarray(offset, offset + systemReadBytesMax));
  }
  return bytes;
}

/** No byte is given twice, and what was given is erased here. */
function takePooled(count: number): Uint8Array {
  if (pooledOffset + count > pool.length) {
    globalThis.crypto.getRandomValues(pool);
    pooledOffset = 0;
  }
  const end = pooledOffset + count;
  const bytes = pool.slice(pooledOffset, end);
  pool.fill(0, pooledOffset, end);
  pooledOffset = end;
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
