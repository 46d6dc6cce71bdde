import { type Clock, systemClock, toInstant } from '../../../foundation/clock.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { createSeededRandom } from '../../../foundation/random.ts';
import { MeanDisk } from '../../../foundation/testing/mean-disk.ts';
import { toLsn } from '../../../model/lsn.ts';
import { boundaryOf, fragmentOf, schemaOf, sourceStart, testSource } from '../../testing/journal-writes.ts';
import { openJournal } from '../open-journal.ts';
import { MemoryState } from './memory-state-store.ts';

/** A journal that ended cleanly and holds every kind of frame, over three segments. */
export interface SampleJournal {
  readonly disk: MeanDisk;
  readonly state: MemoryState;
  readonly directory: string;
  readonly journalId: string;
  /** Of all transactions, in order. */
  readonly texts: readonly string[];
}

const stillClock: Clock = { ...systemClock, now: () => toInstant(1_767_225_600_000), monotonicMs: () => 0 };

/** The same bytes every time. */
export async function writeSampleJournal(): Promise<SampleJournal> {
  const disk = new MeanDisk({ random: createSeededRandom(1) });
  const state = new MemoryState();
  const journal = await openJournal({
    directory: '/journal',
    disk,
    clock: stillClock,
    random: createSeededRandom(7),
    logger: silentLogger,
    segmentByteCount: 3000,
    writerThread: 'this-thread',
    otherReaders: 'none',
    openState: () => state.open(),
  });
  const writer = await journal.openWriter();
  writer.recordSource(testSource, sourceStart, 'initial');
  writer.appendTransaction(boundaryOf(1), fragmentOf('first;'), [schemaOf(16_400, 'orders')]);
  await writer.flush();
  writer.appendFragment(10, 10, fragmentOf('straight one;'));
  writer.appendFragment(10, 10, fragmentOf('straight two;'));
  writer.commitTransaction(boundaryOf(2, 10), []);
  writer.appendFragment(11, 11, fragmentOf('rolled back;'));
  writer.abortTransaction(11);
  writer.appendFragment(12, 12, fragmentOf('spooled one;'));
  writer.appendFragment(12, 1201, fragmentOf('savepoint;'));
  writer.abortSubtransaction(12, 1201);
  writer.recordProgress(toLsn(1_260n));
  await writer.flush();
  writer.appendFragment(12, 12, fragmentOf('spooled two;'));
  writer.commitTransaction(boundaryOf(3, 12), [schemaOf(16_401, 'customers')]);
  for (const [xid, gid] of [
    [13, 'to-commit'],
    [14, 'to-roll-back'],
    [15, 'undecided'],
  ] as const) {
    writer.appendFragment(xid, xid, fragmentOf(`${gid};`));
    writer.prepareTransaction(xid, gid, toLsn(1_370n + BigInt(xid)));
  }
  await writer.flush();
  writer.commitPrepared('to-commit', boundaryOf(4, 13), []);
  writer.rollbackPrepared('to-roll-back', toLsn(1_460n));
  const texts = ['first;', 'straight one;straight two;', 'spooled one;spooled two;', 'to-commit;'];
  for (let number = 5; number <= 40; number += 1) {
    const text = `t${number};`.padEnd(60 + number, '.');
    writer.appendTransaction(boundaryOf(number), fragmentOf(text), []);
    texts.push(text);
    if (number % 9 === 0) await writer.flush();
  }
  await writer.close();
  await journal[Symbol.asyncDispose]();
  return { disk, state, directory: '/journal', journalId: journal.journalId, texts };
}
