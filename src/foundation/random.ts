import { randomBytes } from 'node:crypto';

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
  bytes: (count) => randomBytes(count),
};

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
