const filterSeed = 0x9747_b28c;

/** The hash of a term in the tables of an index. */
export function tableHash(term: string): number {
  return murmur3(Buffer.from(term), 0);
}

/** The hash that chooses a term's block in the filter. */
export function filterHash(term: string): number {
  return murmur3(Buffer.from(term), filterSeed);
}

/** MurmurHash3, x86, 32 bit. https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp */
export function murmur3(bytes: Buffer, seed: number): number {
  let hash = seed;
  const blocksEnd = bytes.length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) {
    hash ^= mixBlock(bytes.readInt32LE(at));
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe654_6b64;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= blocksEnd; at -= 1) tail = (tail << 8) | (bytes[at] ?? 0);
  if (blocksEnd < bytes.length) hash ^= mixBlock(tail);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixBlock(block: number): number {
  const multiplied = Math.imul(block, 0xcc9e_2d51);
  return Math.imul((multiplied << 15) | (multiplied >>> 17), 0x1b87_3593);
}
