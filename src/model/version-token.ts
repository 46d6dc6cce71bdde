import { HeadwaterError } from '../foundation/error.ts';
import { type Lsn, toLsn } from './lsn.ts';

/*
 * The version token, `docs/reference/version-token.md`:
 *
 *   version (1) | entries, ascending by system: system id (8) timeline (4) xid (8) lsn (8) | CRC-32 of all before (4)
 */

declare const tokenBrand: unique symbol;
/** A version token as it is carried: base64url, 44 characters for one source. Opaque. */
export type VersionToken = string & { readonly [tokenBrand]: true };

/** What a token asks for of one source: everything that committed before `lsn` on this timeline. */
export interface TokenEntry {
  readonly systemId: string;
  readonly timeline: number;
  /** The full transaction id; undefined for a transaction that wrote nothing. */
  readonly xid: bigint | undefined;
  readonly lsn: Lsn;
}

const version = 1;
const entryByteCount = 28;
const sumByteCount = 4;
const entryCountMax = 16;

/** Writes a token of one entry for each source. @throws HW-TOKEN-001 for no entry, or more than 16 */
export function encodeVersionToken(entries: readonly TokenEntry[]): VersionToken {
  const ordered = mergeEntries(entries);
  if (ordered.length === 0 || ordered.length > entryCountMax) {
    throw notToken(`it would have ${ordered.length} entries, and has 1 to ${entryCountMax}`);
  }
  const bytes = new Uint8Array(1 + ordered.length * entryByteCount + sumByteCount);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  for (const [index, { systemId, timeline, xid, lsn }] of ordered.entries()) {
    const offset = 1 + index * entryByteCount;
    view.setBigUint64(offset, BigInt(systemId));
    view.setUint32(offset + 8, timeline);
    view.setBigUint64(offset + 12, xid ?? 0n);
    view.setBigUint64(offset + 20, lsn);
  }
  view.setUint32(bytes.length - sumByteCount, crc32(bytes.subarray(0, -sumByteCount)));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where a token is made.
  return toBase64Url(bytes) as VersionToken;
}

/**
 * Reads a token that somebody sent.
 * @throws HW-TOKEN-001 for anything that is none, HW-TOKEN-002 for one of a newer version
 */
export function decodeVersionToken(text: string): readonly TokenEntry[] {
  const bytes = fromBase64Url(text);
  const [found] = bytes;
  if (found === undefined) throw notToken('it is empty');
  if (bytes.length < 1 + sumByteCount) throw notToken(`it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer);
  if (view.getUint32(bytes.length - sumByteCount) !== crc32(bytes.subarray(0, -sumByteCount))) {
    throw notToken('its check sum is wrong');
  }
  if (found > version) {
    throw new HeadwaterError('HW-TOKEN-002', `a version token has version ${found}; this release reads ${version}`);
  }
  const count = (bytes.length - 1 - sumByteCount) / entryByteCount;
  if (found !== version || !Number.isInteger(count) || count < 1 || count > entryCountMax) {
    throw notToken(`it has version ${found} and ${bytes.length} bytes`);
  }
  const entries = Array.from({ length: count }, (_, index) => readEntry(view, 1 + index * entryByteCount));
  const isAscending = entries.every(({ systemId }, index) => {
    const before = entries[index - 1];
    return before === undefined || BigInt(before.systemId) < BigInt(systemId);
  });
  if (!isAscending) throw notToken('its entries are not in order');
  return entries;
}

/**
 * The token that asks for everything that either asks for, so that a client that merges with each answer only rises. Of two
 * timelines of one system the newer one stays: it begins behind all of the older one that survived.
 * @throws HW-TOKEN-001, HW-TOKEN-002
 */
export function mergeVersionTokens(...tokens: readonly string[]): VersionToken {
  return encodeVersionToken(tokens.flatMap((token) => decodeVersionToken(token)));
}

/** The entry for one system; undefined: the token asks for nothing of it. */
export function findTokenEntry(entries: readonly TokenEntry[], systemId: string): TokenEntry | undefined {
  return entries.find((entry) => entry.systemId === systemId);
}

function mergeEntries(entries: readonly TokenEntry[]): readonly TokenEntry[] {
  if (entries.length === 1) return entries;
  const bySystem = new Map<string, TokenEntry>();
  for (const entry of entries) {
    const known = bySystem.get(entry.systemId);
    if (known === undefined || isFurther(entry, known)) bySystem.set(entry.systemId, entry);
  }
  return [...bySystem.values()].toSorted((left, right) => (BigInt(left.systemId) < BigInt(right.systemId) ? -1 : 1));
}

function isFurther(entry: TokenEntry, known: TokenEntry): boolean {
  return entry.timeline === known.timeline ? entry.lsn > known.lsn : entry.timeline > known.timeline;
}

function readEntry(view: DataView, offset: number): TokenEntry {
  const xid = view.getBigUint64(offset + 12);
  return {
    systemId: String(view.getBigUint64(offset)),
    timeline: view.getUint32(offset + 8),
    xid: xid === 0n ? undefined : xid,
    lsn: toLsn(view.getBigUint64(offset + 20)),
  };
}

function notToken(reason: string): HeadwaterError {
  return new HeadwaterError('HW-TOKEN-001', `not a version token: ${reason}`);
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** By hand: what has Buffer has no need of it, and what has none (the edge) could not load it. */
function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let bitCount = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    bitCount += 8;
    while (bitCount >= 6) {
      bitCount -= 6;
      text += alphabet.charAt((bits >> bitCount) & 63);
      bits &= (1 << bitCount) - 1;
    }
  }
  return bitCount === 0 ? text : text + alphabet.charAt((bits << (6 - bitCount)) & 63);
}

const textLengthMax = Math.ceil(((1 + entryCountMax * entryByteCount + sumByteCount) * 8) / 6);

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > textLengthMax) throw notToken(`it has ${text.length} characters, the limit is ${textLengthMax}`);
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let bits = 0;
  let bitCount = 0;
  let length = 0;
  for (const character of text) {
    const value = alphabet.indexOf(character);
    if (value === -1) throw notToken('it has a character that base64url has not');
    bits = (bits << 6) | value;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes[length] = bits >> bitCount;
    length += 1;
    bits &= (1 << bitCount) - 1;
  }
  // One token has one text: whatever is left over must be nothing.
  if (bits !== 0 || bitCount >= 6) throw notToken('bits are left over at its end');
  return bytes;
}

const crcOfBytes: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc;
});

/** CRC-32 of IEEE 802.3. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcOfBytes[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
}
