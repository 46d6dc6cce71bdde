import { dirname } from 'node:path';

import type { Disk } from '../../foundation/disk.ts';
import { unfinishedPath } from './journal-paths.ts';
import { readWhole } from './read-whole.ts';

/** Gives a small file new content as one step: after a crash it is the old or the new one, whole. */
export async function replaceFile(disk: Disk, path: string, buffers: readonly Uint8Array[]): Promise<void> {
  const unfinished = unfinishedPath(path);
  await disk.remove(unfinished);
  const file = await disk.create(unfinished);
  try {
    await file.write(buffers, 0);
    await file.flush();
  } finally {
    await file.close();
  }
  await disk.rename(unfinished, path);
  await disk.flushDirectory(dirname(path));
}

/** The whole content of a small file; undefined when it is absent. */
export async function readSmallFile(disk: Disk, path: string): Promise<Buffer | undefined> {
  const file = await disk.openForReading(path);
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.alloc(await file.size());
    return bytes.subarray(0, await readWhole(file, bytes, 0));
  } finally {
    await file.close();
  }
}
