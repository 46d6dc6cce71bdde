import { systemClock } from '../../../foundation/clock.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { createSeededRandom } from '../../../foundation/random.ts';
import { MeanDisk } from '../../../foundation/testing/mean-disk.ts';
import { boundaryOf, sourceStart, testSource } from '../../testing/journal-writes.ts';
import type { JournalWriter } from '../journal-writer.ts';
import { openJournal, type OpenedJournal } from '../open-journal.ts';
import { countReads, type ReadCounts } from './counting-disk.ts';
import { createEventDecoder, eventsOf } from './event-bodies.ts';
import { MemoryState } from './memory-state-store.ts';

/** One event in each. */
export const transactionCount: number = 600;
/** The id of the event in a transaction. */
export const idOf = (number: number): string => `0192f7c0-0000-7000-8000-${String(number).padStart(12, '0')}`;
/** The key of the event in a transaction. */
export const keyOf = (number: number): string => (number % 150 === 3 ? 'rare' : `key-${number % 10}`);

/** An open journal with its writer. */
export interface EventJournal extends AsyncDisposable {
  readonly disk: MeanDisk;
  readonly reads: ReadCounts;
  readonly journal: OpenedJournal;
  readonly writer: JournalWriter;
}

/** A journal of many small segments, whose indexes are not made yet. */
export async function openEventJournal(segmentByteCount = 10_000): Promise<EventJournal> {
  const disk = new MeanDisk({ random: createSeededRandom(1) });
  const counted = countReads(disk);
  const state = new MemoryState();
  const journal = await openJournal({
    directory: '/journal',
    disk: counted.disk,
    clock: systemClock,
    random: createSeededRandom(1),
    logger: silentLogger,
    segmentByteCount,
    writerThread: 'this-thread',
    otherReaders: 'none',
    openState: () => state.open(),
    createDecoder: createEventDecoder,
  });
  const writer = await journal.openWriter();
  writer.recordSource(testSource, sourceStart, 'initial');
  for (let number = 1; number <= transactionCount; number += 1) {
    writer.appendTransaction(boundaryOf(number), eventsOf([idOf(number), keyOf(number)]), []);
  }
  await writer.flush();
  return {
    disk,
    reads: counted.counts,
    journal,
    writer,
    async [Symbol.asyncDispose]() {
      await writer.close();
      await journal[Symbol.asyncDispose]();
    },
  };
}
