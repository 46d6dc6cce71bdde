import type { Clock } from '../../foundation/clock.ts';
import type { Disk, DiskFile } from '../../foundation/disk.ts';
import { writeFailure } from './disk-failure.ts';
import type { DurableEndPublisher } from './durable-place.ts';
import { missingFile } from './corruption.ts';
import { HolderOwnership } from './holder-ownership.ts';
import { journalPaths, type JournalPaths, segmentPath, spoolNumber } from './journal-paths.ts';
import { JournalWriter } from './journal-writer.ts';
import { type RecoveredJournal, recoveredPath, recoverJournal } from './recovery.ts';
import { listSegments } from './segment-catalog.ts';
import { SharedDurableEnd } from './shared-durable-end.ts';

/** What the owner gives to the thread that writes. Plain values and shared memory: it may be passed to a worker. */
export interface JournalWriterInput {
  readonly directory: string;
  readonly journalId: string;
  readonly epoch: number;
  readonly segmentByteCount: number;
  /** Memory of a `SharedDurableEnd`. */
  readonly durableEnd: SharedArrayBuffer;
  /** What the owner found when it opened the journal. The first writer goes on from it. */
  readonly recovered: RecoveredJournal;
}

/** What a writer is opened with. */
export interface OpenWriterOptions {
  readonly input: JournalWriterInput;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Where the durable end is told. Default: the shared memory of `input`. */
  readonly publisher?: DurableEndPublisher;
}

/**
 * Opens the one writer of a journal whose lock the owner holds: recovers what is durable, and goes on behind it. May be
 * called again after a writer broke, for example on a full disk.
 * @throws HW-JOURNAL-004, -005, -006, -007, -008, -012, -017
 */
export async function openJournalWriter(options: OpenWriterOptions): Promise<JournalWriter> {
  try {
    return await open(options);
  } catch (error) {
    throw writeFailure(error, options.input.directory);
  }
}

async function open(options: OpenWriterOptions): Promise<JournalWriter> {
  const { disk, clock, input } = options;
  const { journalId, epoch, segmentByteCount } = input;
  const paths = journalPaths(input.directory);
  const ownership = new HolderOwnership({ disk, paths, clock, journalId, epoch });
  await ownership.verify(true);
  const nowMicros = BigInt(Math.floor(clock.now() * 1000));
  const isUntouched = await isAsRecovered(disk, paths, input.recovered);
  const recovered = isUntouched ? input.recovered : await recoverJournal({ disk, paths, journalId, epoch, nowMicros });
  const writer = new JournalWriter({
    disk,
    paths,
    journalId,
    epoch,
    clock,
    ownership,
    publisher: options.publisher ?? new SharedDurableEnd(input.durableEnd),
    segmentByteCount,
    recovered,
    file: await openLastSegment(disk, paths, recovered),
    lastSpoolNumber: await findLastSpoolNumber(disk, paths, epoch),
  });
  try {
    await writer.flush();
    return writer;
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/**
 * Whether no writer was here since the owner's recovery. Each begins with a mark, which makes the segment longer before
 * anything else is made; and only a recovery makes it shorter again.
 */
async function isAsRecovered(disk: Disk, paths: JournalPaths, { segment, end }: RecoveredJournal): Promise<boolean> {
  if ((await listSegments(disk, paths)).at(-1) !== segment) return false;
  const file = await disk.openForReading(segmentPath(paths, segment));
  if (file === undefined) return false;
  try {
    return (await file.size()) === end;
  } finally {
    await file.close();
  }
}

async function openLastSegment(disk: Disk, paths: JournalPaths, recovered: RecoveredJournal): Promise<DiskFile> {
  const path = recoveredPath(paths, recovered);
  const file = await disk.openForWriting(path);
  if (file === undefined) throw missingFile(path, 'it was recovered a moment ago');
  return file;
}

/** A second writer of the same epoch may not give a spool the name of an earlier one. */
async function findLastSpoolNumber(disk: Disk, paths: JournalPaths, epoch: number): Promise<number> {
  let last = 0;
  for (const name of await disk.list(paths.spool)) last = Math.max(last, spoolNumber(name, epoch) ?? 0);
  return last;
}
