import type { Clock } from '../../foundation/clock.ts';
import type { Disk } from '../../foundation/disk.ts';
import { toLsn } from '../../model/lsn.ts';
import { toSequence } from '../../model/position.ts';
import type { JournalReader } from '../journal-reader.ts';
import type { JournalNarrowing } from '../journal-search.ts';
import { missingFile } from './corruption.ts';
import type { DurablePlace } from './durable-place.ts';
import { EmbeddedJournalReader } from './embedded-journal-reader.ts';
import { readHolder } from './holder.ts';
import { type JournalPaths, journalPaths, segmentPath } from './journal-paths.ts';
import { JournalSocketClient } from './journal-socket-client.ts';
import { isHolderRunning } from './lock-refusal.ts';
import { readCatalog, type SegmentSummary } from './segment-catalog.ts';
import { openForReading } from './segment-file.ts';
import { scanTail } from './tail-scan.ts';

/** What a reader outside the owner's process is opened with. */
export interface OpenReaderOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
}

/**
 * Reads a journal from any process of the same user: up to the durable end that its owner tells through its socket, woken by
 * it; without an owner up to what the files hold, with `presence: 'nothing-is-writing'`, until an owner appears.
 * Takes no lock and changes nothing.
 * @throws HW-JOURNAL-005, -006, -012, -017 when the directory holds no journal
 */
export async function openJournalReader(options: OpenReaderOptions): Promise<JournalReader & JournalNarrowing> {
  const { disk, clock } = options;
  const paths = journalPaths(options.directory);
  const catalog = await readCatalog(disk, paths, undefined);
  const last = catalog.at(-1);
  if (last === undefined) throw missingFile(segmentPath(paths, 1), 'the directory holds no journal');
  const { journalId } = last.header;
  const client = new JournalSocketClient({
    journalId,
    clock,
    locateSocket: () => locateSocket(disk, paths),
    place: beginningOf(last),
  });
  await client.connect();
  if (client.presence === 'nothing-is-writing') client.adopt(await findDurablePlace(disk, last));
  return new EmbeddedJournalReader({
    files: { disk, paths, journalId },
    end: client,
    onClose: () => client[Symbol.asyncDispose](),
  });
}

async function locateSocket(disk: Disk, paths: JournalPaths): Promise<string | undefined> {
  const holder = await readHolder(disk, paths.holder);
  if (holder === undefined || holder.socket === '') return undefined;
  return (await isHolderRunning(holder)) ? holder.socket : undefined;
}

function beginningOf({ number, header }: SegmentSummary): DurablePlace {
  return {
    sequence: toSequence(header.firstSequence - 1n),
    recordedLsn: toLsn(0n),
    segment: number,
    offset: header.preambleEnd,
  };
}

/** What is whole and valid is made durable by a flush, which needs no right to write. */
async function findDurablePlace(disk: Disk, { path, number, header }: SegmentSummary): Promise<DurablePlace> {
  const { file } = await openForReading(disk, { path, kind: 'segment', journalId: header.journalId, number });
  try {
    await file.flush();
    const { fold, end } = await scanTail(file, header);
    const { lastSequence, recordedLsn } = fold.head;
    return { sequence: lastSequence, recordedLsn, segment: number, offset: end };
  } finally {
    await file.close();
  }
}
