import type { DiskFile } from '../../foundation/disk.ts';

/** Fills `target` from `offset` on; resolves with how many bytes there were, fewer only at the end of the file. */
export async function readWhole(file: DiskFile, target: Uint8Array, offset: number): Promise<number> {
  let length = 0;
  while (length < target.length) {
    const count = await file.read(target.subarray(length), offset + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}
