import type { Disk } from '../../foundation/disk.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { corruptBytes, missingFile } from './corruption.ts';
import type { JournalFiles } from './journal-files.ts';
import { type JournalPaths, parseSegmentName, segmentPath } from './journal-paths.ts';
import { openForReading, type OpenedFile } from './segment-file.ts';

/** One segment as its header and size tell it. */
export interface SegmentSummary {
  readonly number: number;
  readonly path: string;
  readonly header: OpenedFile['header'];
  readonly byteCount: number;
}

/** The numbers of the segments that are there, ascending and without a gap. @throws HW-JOURNAL-017 */
export async function listSegments(disk: Disk, paths: JournalPaths): Promise<readonly number[]> {
  const numbers: number[] = [];
  for (const name of await disk.list(paths.segments)) {
    const parsed = parseSegmentName(name);
    if (parsed.kind === 'segment') numbers.push(parsed.number);
  }
  for (const [index, number] of numbers.entries()) {
    const before = numbers[index - 1];
    if (before !== undefined && number !== before + 1) {
      throw missingFile(segmentPath(paths, before + 1), `segments ${before} and ${number} are there`);
    }
  }
  return numbers;
}

/** Header and size of one segment. @throws HW-JOURNAL-005, -006, -017 */
export async function readSummary(
  disk: Disk,
  paths: JournalPaths,
  number: number,
  journalId: string | undefined,
): Promise<SegmentSummary> {
  const path = segmentPath(paths, number);
  const { file, header } = await openForReading(disk, { path, kind: 'segment', journalId, number });
  try {
    return { number, path, header, byteCount: await file.size() };
  } finally {
    await file.close();
  }
}

/**
 * All segments, each checked against the one behind it: its length must be what that one remembers.
 * @throws HW-JOURNAL-005, -006, -012 for segments of another journal, -017
 */
export async function readCatalog(
  disk: Disk,
  paths: JournalPaths,
  journalId: string | undefined,
): Promise<readonly SegmentSummary[]> {
  const summaries: SegmentSummary[] = [];
  for (const number of await listSegments(disk, paths)) {
    const summary = await readSummary(disk, paths, number, undefined);
    assertJournal(summary, journalId ?? summaries[0]?.header.journalId);
    assertSuccessor(summaries.at(-1), summary);
    summaries.push(summary);
  }
  return summaries;
}

function assertJournal({ path, header }: SegmentSummary, journalId: string | undefined): void {
  if (journalId === undefined || header.journalId === journalId) return;
  throw new HeadwaterError('HW-JOURNAL-012', `${path} belongs to journal ${header.journalId}, not to ${journalId}`);
}

/** @throws HW-JOURNAL-005 when `next` remembers another segment before it */
export function assertSuccessor(before: SegmentSummary | undefined, next: SegmentSummary): void {
  if (before === undefined || before.byteCount === next.header.previousByteCount) return;
  const expected = next.header.previousByteCount;
  const offset = Math.min(expected, before.byteCount);
  throw corruptBytes(before.path, offset, `the segment has ${before.byteCount} bytes; it was sealed with ${expected}`);
}

/** Reads anew when a segment that was listed has gone since: retention removes the oldest ones at any moment. */
export async function readWhileSegmentsGo<Result>(
  { disk, paths }: JournalFiles,
  read: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    const [oldest] = await listSegments(disk, paths);
    try {
      return await read();
    } catch (error) {
      const isGone = error instanceof HeadwaterError && error.code === 'HW-JOURNAL-017';
      if (!isGone || (await listSegments(disk, paths))[0] === oldest) throw error;
    }
  }
}
