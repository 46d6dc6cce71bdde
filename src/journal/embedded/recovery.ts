import { join } from 'node:path';

import type { SchemaEntry } from '../../capture/change-recorder.ts';
import type { Disk, DiskFile } from '../../foundation/disk.ts';
import { missingFile } from './corruption.ts';
import { type Carry, emptyCarry } from './journal-head.ts';
import { type JournalPaths, segmentPath, spoolSegment } from './journal-paths.ts';
import type { KnownPlaces } from './known-places.ts';
import { PlaceCollector } from './place-collector.ts';
import { readWhole } from './read-whole.ts';
import { readCatalog } from './segment-catalog.ts';
import { createSegment, encodePreamble, readFileHeader } from './segment-file.ts';
import { checkSpool } from './spool-reader.ts';
import { scanTail, type TailScan } from './tail-scan.ts';

/** What was cut because it had never become durable. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  readonly byteCount: number;
}

const rewriteByteCount = 4 * 1024 * 1024;

/** What the opening of a journal found and did. */
export interface RecoveryReport {
  readonly endedCleanly: boolean;
  readonly cut: TornTail | undefined;
  /** Files of transactions that never committed, and files that were never finished. */
  readonly removedFiles: readonly string[];
  readonly segmentCount: number;
}

/** Everything a writer needs to go on. May be passed to another thread. */
export interface RecoveredJournal {
  readonly segment: number;
  readonly headerCrc: number;
  readonly preambleEnd: number;
  readonly end: number;
  readonly lastCrc: number;
  readonly carry: Carry;
  readonly schemas: readonly SchemaEntry[];
  /** Where reading may begin in the segment. */
  readonly places: KnownPlaces;
  readonly report: RecoveryReport;
}

/** What a recovery works with. */
export interface RecoveryOptions {
  readonly disk: Disk;
  readonly paths: JournalPaths;
  readonly journalId: string;
  readonly epoch: number;
  readonly nowMicros: bigint;
}

/**
 * Brings a journal that its writer left, in whatever way, into a state to go on from: cuts a torn tail, makes the rest
 * durable, removes what was never finished. Makes the first segment of a new journal. Only the owner may call it.
 * @throws HW-JOURNAL-005, -006, -012, -017: nothing was changed then
 */
export async function recoverJournal(options: RecoveryOptions): Promise<RecoveredJournal> {
  const { disk, paths, journalId } = options;
  const catalog = await readCatalog(disk, paths, journalId);
  const last = catalog.at(-1);
  if (last === undefined) return await beginJournal(options);
  const file = await disk.openForWriting(last.path);
  if (file === undefined) throw missingFile(last.path, 'it was there a moment ago');
  try {
    const header = await readFileHeader(file, { path: last.path, kind: 'segment', journalId, number: last.number });
    const scan = await scanTail(file, header);
    const spools = await planSpools(options, scan, last.number);
    const cut = await cutTail(file, scan);
    const removedFiles = await removeUnfinished(options, spools);
    // A name that a killed writer gave may not be durable yet either.
    await disk.flushDirectory(paths.segments);
    await disk.flushDirectory(paths.spool);
    const { fold } = scan;
    return {
      segment: last.number,
      headerCrc: header.crc,
      preambleEnd: header.preambleEnd,
      end: scan.end,
      lastCrc: fold.lastCrc,
      carry: fold.head.toCarry(),
      schemas: fold.head.schemas,
      places: scan.places,
      report: { endedCleanly: scan.endedCleanly, cut, removedFiles, segmentCount: catalog.length },
    };
  } finally {
    await file.close();
  }
}

async function beginJournal(options: RecoveryOptions): Promise<RecoveredJournal> {
  const { disk, paths, journalId, epoch, nowMicros } = options;
  const preamble = encodePreamble({
    journalId,
    number: 1,
    lineage: 0,
    previousByteCount: 0,
    createdMicros: nowMicros,
    epoch,
    carry: emptyCarry,
    schemas: [],
  });
  const file = await createSegment(disk, paths, 1, preamble);
  await file.close();
  return {
    segment: 1,
    headerCrc: preamble.headerCrc,
    preambleEnd: preamble.end,
    end: preamble.end,
    lastCrc: preamble.lastCrc,
    carry: emptyCarry,
    schemas: [],
    places: new PlaceCollector(1n).known(preamble.end),
    report: { endedCleanly: true, cut: undefined, removedFiles: [], segmentCount: 1 },
  };
}

/**
 * What a killed writer left may lie in the system's memory only, so it is flushed before it counts as durable. And after a
 * failed flush the system may hold it as clean though the disk has not got it: it is written again, which costs little,
 * since it is what came after the last flush but one.
 */
async function cutTail(file: DiskFile, { end, size, knownDurable }: TailScan): Promise<TornTail | undefined> {
  if (end < size) await file.truncate(end);
  for (let offset = knownDurable; offset < end; offset += rewriteByteCount) {
    const bytes = Buffer.allocUnsafeSlow(Math.min(rewriteByteCount, end - offset));
    await readWhole(file, bytes, offset);
    await file.write([bytes], offset);
  }
  await file.flush();
  return end < size ? { file: file.path, offset: end, byteCount: size - end } : undefined;
}

/**
 * Spools that no commit refers to. One of an older segment was used by it, or ended with it; those of the last segment are
 * known from its frames. @throws HW-JOURNAL-005, -006, -017 for a spool that a kept frame needs
 */
async function planSpools(
  { disk, paths, journalId }: RecoveryOptions,
  scan: TailScan,
  segment: number,
): Promise<readonly string[]> {
  for (const reference of scan.spools) await checkSpool({ disk, paths, journalId, reference });
  const needed = new Set(scan.spools.map(({ name }) => name));
  return (await disk.list(paths.spool)).filter(
    (name) => name.endsWith('.open') || ((spoolSegment(name) ?? 0) >= segment && !needed.has(name)),
  );
}

async function removeUnfinished(
  { disk, paths }: RecoveryOptions,
  spools: readonly string[],
): Promise<readonly string[]> {
  const unfinished = (await disk.list(paths.segments)).filter((name) => name.endsWith('.new'));
  const removed = [
    ...unfinished.map((name) => join(paths.segments, name)),
    ...spools.map((name) => join(paths.spool, name)),
  ];
  for (const path of removed) await disk.remove(path);
  return removed;
}

/** The path of the segment that the writer goes on with. */
export function recoveredPath(paths: JournalPaths, { segment }: RecoveredJournal): string {
  return segmentPath(paths, segment);
}
