import { join } from 'node:path';

import type { Disk } from '../../foundation/disk.ts';
import { corruptBytes, unknownFormat } from './corruption.ts';
import { fileHeaderLength } from './file-header.ts';
import { Frame, frameKind } from './frame.ts';
import { FrameCursor } from './frame-cursor.ts';
import type { JournalPaths } from './journal-paths.ts';
import { openForReading, type OpenedFile } from './segment-file.ts';
import type { SpoolReference } from './spool-reference.ts';

/** A spool to read. */
export interface SpoolSource {
  readonly disk: Disk;
  readonly paths: JournalPaths;
  readonly journalId: string;
  readonly reference: SpoolReference;
}

/**
 * Checks that the spool is there, is the one that is meant, and has its length; its frames are checked when they are read.
 * @throws HW-JOURNAL-005, -006, -017
 */
export async function checkSpool(source: SpoolSource): Promise<void> {
  await (await openSpool(source)).file.close();
}

/**
 * The fragments of a spooled transaction that count, in order; those of aborted subtransactions are left out.
 * @throws HW-JOURNAL-005 for a spool that is not what its reference says, -006, -017
 */
export async function* readSpool(source: SpoolSource): AsyncGenerator<Frame> {
  const { reference } = source;
  const { file, header } = await openSpool(source);
  const { path } = file;
  try {
    const aborted = new Set(reference.abortedXids);
    const cursor = new FrameCursor({ file, seed: header.crc, position: fileHeaderLength, limit: reference.byteCount });
    let frameCount = 0;
    for (let step = cursor.next(); step.kind !== 'end'; step = cursor.next()) {
      if (step instanceof Frame) {
        if (step.kind !== frameKind.fragment) throw corruptBytes(path, step.offset, 'a spool holds fragments only');
        frameCount += 1;
        if (!aborted.has(step.xid)) yield step;
      } else if (step.kind === 'more') await cursor.load(step.byteCount);
      else if (step.kind === 'unknown') throw unknownFormat(path, cursor.position, step.reason);
      else throw corruptBytes(path, cursor.position, step.reason);
    }
    if (frameCount !== reference.frameCount)
      throw corruptBytes(path, reference.byteCount, `${frameCount} frames instead of ${reference.frameCount}`);
  } finally {
    await file.close();
  }
}

async function openSpool({ disk, paths, journalId, reference }: SpoolSource): Promise<OpenedFile> {
  const path = join(paths.spool, reference.name);
  const opened = await openForReading(disk, { path, kind: 'spool', journalId, number: undefined });
  const { file, header } = opened;
  try {
    const size = await file.size();
    if (header.crc !== reference.headerCrc)
      throw corruptBytes(path, 92, 'this is another spool than the commit refers to');
    if (size === reference.byteCount) return opened;
    const offset = Math.min(size, reference.byteCount);
    throw corruptBytes(path, offset, `the spool has ${size} bytes instead of ${reference.byteCount}`);
  } catch (error) {
    await file.close();
    throw error;
  }
}
