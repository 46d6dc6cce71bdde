import { crc32 } from 'node:zlib';

/*
 * Most frames are short, and for those a call of zlib and the view that it takes cost more than the bytes themselves. So the
 * CRC-32 of a short range is calculated here, sixteen bytes in a step ("slicing-by-16"): table k holds what a byte comes to
 * when k more bytes follow it. https://create.stephan-brumme.com/crc32/
 *
 * Each table is a constant of its own and not a part of one array: that spares the checks of their indexes.
 */

/** About here the two ways cost the same. */
const shortByteCountMax = 480;
const polynomial = 0xedb8_8320;

const t0: Int32Array = createFirstTable();
const t1: Int32Array = createNextTable(t0);
const t2: Int32Array = createNextTable(t1);
const t3: Int32Array = createNextTable(t2);
const t4: Int32Array = createNextTable(t3);
const t5: Int32Array = createNextTable(t4);
const t6: Int32Array = createNextTable(t5);
const t7: Int32Array = createNextTable(t6);
const t8: Int32Array = createNextTable(t7);
const t9: Int32Array = createNextTable(t8);
const t10: Int32Array = createNextTable(t9);
const t11: Int32Array = createNextTable(t10);
const t12: Int32Array = createNextTable(t11);
const t13: Int32Array = createNextTable(t12);
const t14: Int32Array = createNextTable(t13);
const t15: Int32Array = createNextTable(t14);

/** CRC-32 of `byteCount` bytes of a view, continued from `seed`: what zlib gives for them. */
export function checksum(view: DataView<ArrayBuffer>, start: number, byteCount: number, seed: number): number {
  if (byteCount <= shortByteCountMax) return shortChecksum(view, start, byteCount, seed);
  return crc32(new Uint8Array(view.buffer, view.byteOffset + start, byteCount), seed);
}

function shortChecksum(view: DataView, start: number, byteCount: number, seed: number): number {
  const end = start + byteCount;
  let crc = ~seed;
  let at = start;
  for (; at + 16 <= end; at += 16) {
    const a = crc ^ view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    crc =
      entry(t15, a) ^
      entry(t14, a >>> 8) ^
      entry(t13, a >>> 16) ^
      entry(t12, a >>> 24) ^
      (entry(t11, b) ^ entry(t10, b >>> 8) ^ entry(t9, b >>> 16) ^ entry(t8, b >>> 24)) ^
      (entry(t7, c) ^ entry(t6, c >>> 8) ^ entry(t5, c >>> 16) ^ entry(t4, c >>> 24)) ^
      (entry(t3, d) ^ entry(t2, d >>> 8) ^ entry(t1, d >>> 16) ^ entry(t0, d >>> 24));
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ entry(t0, crc ^ view.getUint8(at));
  return ~crc >>> 0;
}

/** What the lowest byte of a value comes to. */
function entry(table: Int32Array, value: number): number {
  return table[value & 255] ?? 0;
}

function createFirstTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? polynomial ^ (crc >>> 1) : crc >>> 1;
    return crc;
  });
}

function createNextTable(before: Int32Array): Int32Array {
  return before.map((crc) => (crc >>> 8) ^ entry(t0, crc));
}
