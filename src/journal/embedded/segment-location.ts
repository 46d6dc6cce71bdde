import { HeadwaterError } from '../../foundation/error.ts';
import type { Sequence } from '../../model/position.ts';
import { missingFile } from './corruption.ts';
import type { JournalFiles } from './journal-files.ts';
import { segmentPath } from './journal-paths.ts';
import { listSegments, readSummary } from './segment-catalog.ts';

/**
 * The segment that holds what follows `after`: the last one that begins at or before it.
 * @throws HW-JOURNAL-010 when the transactions behind `after` are not kept any more
 */
export async function locateSegment({ disk, paths, journalId }: JournalFiles, after: Sequence): Promise<number> {
  const numbers = await listSegments(disk, paths);
  let low = 0;
  let high = numbers.length - 1;
  const oldest = numbers[0];
  if (oldest === undefined) throw missingFile(segmentPath(paths, 1), 'the journal holds no segment');
  let found: number | undefined;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const number = numbers[middle] ?? oldest;
    const { header } = await readSummary(disk, paths, number, journalId);
    if (header.firstSequence <= after + 1n) {
      found = number;
      low = middle + 1;
    } else high = middle - 1;
  }
  if (found !== undefined) return found;
  // Zero asks for the oldest that is kept.
  if (after === 0n) return oldest;
  const { header } = await readSummary(disk, paths, oldest, journalId);
  throw new HeadwaterError(
    'HW-JOURNAL-010',
    `position ${after} is not kept; the oldest transaction is ${header.firstSequence}`,
  );
}
