import { fdatasync, read, writev } from 'node:fs';
import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import type { Disk, DiskFile } from './disk.ts';

const writevAsync = promisify(writev);
const fdatasyncAsync = promisify(fdatasync);
const readAsync = promisify(read);

/** The most buffers that one `writev` takes on every platform (IOV_MAX). */
const buffersPerWriteMax = 1024;

/** The machine's own file system. Errors are Node's, with their `code` (`ENOSPC`, `EIO`, …). */
export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await flushDirectory(dirname(path));
  },
  async list(path) {
    try {
      return (await readdir(path)).toSorted();
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  },
  create: async (path) => createDiskFile(path, await open(path, 'wx+', 0o600)),
  openForWriting: (path) => openIfPresent(path, 'r+'),
  openForReading: (path) => openIfPresent(path, 'r'),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  flushDirectory,
};

async function openIfPresent(path: string, flags: string): Promise<DiskFile | undefined> {
  try {
    return createDiskFile(path, await open(path, flags));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function createDiskFile(path: string, file: FileHandle): DiskFile {
  let isOpen = true;
  return {
    path,
    size: async () => (await file.stat()).size,
    async read(target, offset) {
      const { bytesRead } = await readAsync(file.fd, target, 0, target.length, offset);
      return bytesRead;
    },
    write: (buffers, offset) => writeAll(file.fd, buffers, offset),
    flush: () => fdatasyncAsync(file.fd),
    truncate: (size) => file.truncate(size),
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await file.close();
    },
  };
}

async function writeAll(descriptor: number, buffers: readonly Uint8Array[], offset: number): Promise<void> {
  let pending = buffers.filter((buffer) => buffer.length > 0);
  let position = offset;
  while (pending.length > 0) {
    const { bytesWritten } = await writevAsync(descriptor, pending.slice(0, buffersPerWriteMax), position);
    position += bytesWritten;
    pending = dropWritten(pending, bytesWritten);
  }
}

function dropWritten(buffers: readonly Uint8Array[], bytesWritten: number): Uint8Array[] {
  let remaining = bytesWritten;
  const rest: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (remaining >= buffer.length) {
      remaining -= buffer.length;
    } else {
      rest.push(remaining === 0 ? buffer : buffer.subarray(remaining));
      remaining = 0;
    }
  }
  return rest;
}

async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
