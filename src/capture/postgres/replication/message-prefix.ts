const encoder = new TextEncoder();
const reservedPrefixBytes = encoder.encode('headwater:');
/** Prefix of our own canary messages, with the NUL that ends it on the wire. */
export const canaryPrefixBytes: Uint8Array = encoder.encode('headwater:canary\0');

/** `headwater:` and a number: an envelope version, also one that this release does not know. */
export function hasEventPrefix(bytes: Uint8Array, start: number, end: number): boolean {
  const digit = start + reservedPrefixBytes.length;
  if (digit >= end || !startsWith(bytes, start, reservedPrefixBytes)) return false;
  const first = bytes[digit] ?? 0;
  return first >= 0x30 && first <= 0x39;
}

/** Whether the prefix stands at `start`. */
export function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let index = 0; index < prefix.length; index += 1) {
    if (bytes[start + index] !== prefix[index]) return false;
  }
  return true;
}
