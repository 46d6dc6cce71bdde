/*
 * Murmur2 as Kafka's Java client has it, 32 bits, seed 0x9747b28c:
 * https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
 */
const multiplier = 0x5bd1e995;

/** The hash as a signed 32-bit number, equal to `Utils.murmur2` of the Java client for the same bytes. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const wordsEnd = length & ~3;
  let hash = 0x9747b28c ^ length;
  for (let offset = 0; offset < wordsEnd; offset += 4) {
    let word = Math.imul(readInt32(bytes, offset), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  const remaining = length - wordsEnd;
  if (remaining > 0) {
    if (remaining === 3) hash ^= byteAt(bytes, wordsEnd + 2) << 16;
    if (remaining >= 2) hash ^= byteAt(bytes, wordsEnd + 1) << 8;
    hash = Math.imul(hash ^ byteAt(bytes, wordsEnd), multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/**
 * The partition of a key as `DefaultPartitioner` of the Java client chooses it, so that other producers of the topic agree:
 * the hash without its sign bit, modulo the count.
 */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}

function readInt32(bytes: Uint8Array, offset: number): number {
  return (
    byteAt(bytes, offset) |
    (byteAt(bytes, offset + 1) << 8) |
    (byteAt(bytes, offset + 2) << 16) |
    (byteAt(bytes, offset + 3) << 24)
  );
}

function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}
