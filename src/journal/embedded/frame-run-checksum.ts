import { crc32 } from 'node:zlib';

import { frameHeaderLength, frameSeed } from './frame.ts';

/*
 * A checksum of each small frame by itself costs more than everything else that is done with it, and one call of zlib for all
 * of them next to nothing. A CRC-32 is linear, so the checksum of a whole run of frames follows from the checksums that stand
 * in their headers: when each frame is what its own checksum says, the run has exactly the checksum that is predicted here, and
 * when a single one is not, it has another one, always. The other way round, two or more damaged frames of one run would have
 * to cancel out, by a chance of 1 in 2^32: that of one damaged frame that escapes its own checksum.
 *
 * In the terms of zlib, where a register R stands for the value ~R:
 *
 *   behind n more bytes b     R' = zeros(R, n) XOR raw(b)
 *   of a valid frame          raw(everything behind its checksum field) = zeros(~seed, n) XOR ~field
 *
 * zeros(R, n), what a register comes to behind n zero bytes, is linear in R: a table for each power of two that n may hold.
 */

const powerCount = 32;
const zeroByte = new Uint8Array(1);
/** Four tables, one for each byte of a register, for each power of two. */
let zeroTables: Int32Array | undefined;

/** A run of frames in a window. */
export interface FrameRun {
  readonly view: DataView<ArrayBuffer>;
  /** Of the run in the window; both are ends of frames. */
  readonly start: number;
  readonly end: number;
  /** Of the first frame in the file. */
  readonly offset: number;
  /** CRC of the file's header. */
  readonly seed: number;
}

/** Whether the checksum of every frame of a run holds. */
export function isRunValid({ view, start, end, offset, seed }: FrameRun): boolean {
  const tables = (zeroTables ??= createZeroTables());
  let register = -1;
  let at = start;
  while (at < end) {
    const field = view.getInt32(at, true);
    const length = frameHeaderLength + view.getUint32(at + 4, true);
    const behindField = zeros(tables, register ^ field, 4);
    const frameRegister = ~frameSeed(seed, offset + at - start);
    register = zeros(tables, behindField ^ frameRegister, length - 4) ^ ~field;
    at += length;
  }
  return crc32(new Uint8Array(view.buffer, view.byteOffset + start, end - start)) === ~register >>> 0;
}

function zeros(tables: Int32Array, register: number, byteCount: number): number {
  let result = register;
  for (let rest = byteCount; rest !== 0;) {
    const power = 31 - Math.clz32(rest);
    result = advance(tables, power, result);
    rest ^= 1 << power;
  }
  return result;
}

/** Behind two to the `power` zero bytes. */
function advance(tables: Int32Array, power: number, register: number): number {
  const at = power << 10;
  return (
    (tables[at | (register & 255)] ?? 0) ^
    (tables[at | 256 | ((register >>> 8) & 255)] ?? 0) ^
    (tables[at | 512 | ((register >>> 16) & 255)] ?? 0) ^
    (tables[at | 768 | (register >>> 24)] ?? 0)
  );
}

function createZeroTables(): Int32Array {
  const tables = new Int32Array(powerCount * 1024);
  for (let index = 0; index < 1024; index += 1) {
    tables[index] = behindZeroByte((index & 255) << (8 * (index >> 8)));
  }
  for (let power = 1; power < powerCount; power += 1) {
    for (let index = 0; index < 1024; index += 1) {
      const half = tables[((power - 1) << 10) | index] ?? 0;
      tables[(power << 10) | index] = advance(tables, power - 1, half);
    }
  }
  return tables;
}

function behindZeroByte(register: number): number {
  return ~crc32(zeroByte, ~register >>> 0);
}
