import assert from 'node:assert/strict';

import type { Disk, DiskFile } from '../../../foundation/disk.ts';

/** What was asked of a disk by those who read from it. */
export interface ReadCounts {
  opens: number;
  reads: number;
  /** Also of files that are open for writing. */
  bytes: number;
  lists: number;
  /** Files that are open for reading now. */
  readonly open: Set<string>;
  /** Every read waits for it. */
  beforeRead: (path: string) => Promise<void>;
}

/** A disk that counts what is read from it, and takes no read from a file that was closed. */
export function countReads(disk: Disk): { readonly disk: Disk; readonly counts: ReadCounts } {
  const counts: ReadCounts = { opens: 0, reads: 0, bytes: 0, lists: 0, open: new Set(), beforeRead: async () => {} };
  const read = async (file: DiskFile, target: Uint8Array, offset: number): Promise<number> => {
    const length = await file.read(target, offset);
    counts.bytes += length;
    return length;
  };
  const writable = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    read: (target, offset) => read(file, target, offset),
    write: (buffers, offset) => file.write(buffers, offset),
    flush: () => file.flush(),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
  });
  const counted = (file: DiskFile, name: string): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    async read(target, offset) {
      counts.reads += 1;
      await counts.beforeRead(file.path);
      assert.ok(counts.open.has(name), `${name} is read and not open`);
      return await read(file, target, offset);
    },
    write: (buffers, offset) => file.write(buffers, offset),
    flush: () => file.flush(),
    truncate: (size) => file.truncate(size),
    async close() {
      counts.open.delete(name);
      await file.close();
    },
  });
  return {
    counts,
    disk: {
      makeDirectory: (path) => disk.makeDirectory(path),
      list(path) {
        counts.lists += 1;
        return disk.list(path);
      },
      create: (path) => disk.create(path),
      async openForWriting(path) {
        const file = await disk.openForWriting(path);
        return file === undefined ? undefined : writable(file);
      },
      async openForReading(path) {
        counts.opens += 1;
        const file = await disk.openForReading(path);
        if (file === undefined) return undefined;
        const name = `${path}#${counts.opens}`;
        counts.open.add(name);
        return counted(file, name);
      },
      rename: (from, to) => disk.rename(from, to),
      remove: (path) => disk.remove(path),
      flushDirectory: (path) => disk.flushDirectory(path),
    },
  };
}
