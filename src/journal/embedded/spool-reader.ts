import { join } from 'node:path';

import type { Disk } from '../../foundation/disk.ts';
import { corruptBytes, unknownFormat } from './corruption.ts';
import { fileHeaderLength } from './file-header.ts';
import { type Frame, frameKind } from './frame.ts';
import { FrameCursor } from './frame-cursor.ts';
import type { JournalPaths } from './journal-paths.ts';
import { openForReading } from './segment-file.ts';
import type { SpoolReference } from './spool-reference.ts';

/** A spool to read. */
export interface SpoolSource {
  readonly disk: Disk;
  readonly paths: JournalPaths;
  readonly journalId: string;
  readonly reference: SpoolReference;
}

/**
 * The fragments of a spooled transaction that count, in order; those of aborted subtransactions are left out.
 * @throws HW-JOURNAL-005 for a spool that is not what its reference says, -006, -017
 */
export async function* readSpool(source: SpoolSource): AsyncGenerator<Frame> {
  const { disk, paths, journalId, reference } = source;
  const path = join(paths.spool, reference.name);
  const { file, header } = await openForReading(disk, { path, kind: 'spool', journalId, number: undefined });
  try {
    const size = await file.size();
    if (header.crc !== reference.headerCrc)
      throw corruptBytes(path, 92, 'this is another spool than the commit refers to');
    if (size !== reference.byteCount) {
      throw corruptBytes(
        path,
        Math.min(size, reference.byteCount),
        `the spool has ${size} bytes instead of ${reference.byteCount}`,
      );
    }
    const aborted = new Set(reference.abortedXids);
    const cursor = new FrameCursor({ file, seed: header.crc, position: fileHeaderLength, limit: size });
    let frameCount = 0;
    for (let step = cursor.next(); step.kind !== 'end'; step = cursor.next()) {
      if (step.kind === 'more') await cursor.load(step.byteCount);
      else if (step.kind === 'unknown') throw unknownFormat(path, cursor.position, step.reason);
      else if (step.kind === 'bad') throw corruptBytes(path, cursor.position, step.reason);
      else {
        if (step.frame.kind !== frameKind.fragment)
          throw corruptBytes(path, step.frame.offset, 'a spool holds fragments only');
        frameCount += 1;
        if (!aborted.has(step.frame.xid)) yield step.frame;
      }
    }
    if (frameCount !== reference.frameCount)
      throw corruptBytes(path, size, `${frameCount} frames instead of ${reference.frameCount}`);
  } finally {
    await file.close();
  }
}
