import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';

import { systemClock, toInstant } from '../../foundation/clock.ts';
import { silentLogger } from '../../foundation/logger.ts';
import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { toSequence } from '../../model/position.ts';
import { boundaryOf, fragmentOf, readAll, schemaOf, sourceStart, testSource } from '../testing/journal-writes.ts';
import { openJournal, type OpenedJournal } from './open-journal.ts';
import { countReads, type ReadCounts } from './testing/counting-disk.ts';
import { MemoryState } from './testing/memory-state-store.ts';

const transactionCount = 600;
/** All in one segment, and far more than what is read at once. */
const bodyByteCount = 10_000;
const byteCount = transactionCount * bodyByteCount;

let disk: MeanDisk;
let state: MemoryState;

let counts: ReadCounts;

function open(): Promise<OpenedJournal> {
  const counting = countReads(disk);
  ({ counts } = counting);
  return openJournal({
    directory: '/journal',
    disk: counting.disk,
    clock: systemClock,
    random: createSeededRandom(1),
    logger: silentLogger,
    writerThread: 'this-thread',
    otherReaders: 'none',
    openState: () => state.open(),
  });
}

async function append(journal: OpenedJournal, from: number, count: number): Promise<void> {
  await using writer = await journal.openWriter();
  for (let number = from; number < from + count; number += 1) {
    const schemas = number === 300 ? [schemaOf(2, 'second')] : [];
    writer.appendTransaction(boundaryOf(number), fragmentOf('x'.repeat(bodyByteCount)), schemas);
  }
  await writer.flush();
}

beforeEach(async () => {
  disk = new MeanDisk({ random: createSeededRandom(1) });
  state = new MemoryState();
  await using journal = await open();
  {
    await using writer = await journal.openWriter();
    writer.recordSource(testSource, sourceStart, 'initial');
    writer.appendTransaction(boundaryOf(1), fragmentOf('x'), [schemaOf(1, 'first')]);
    await writer.flush();
  }
  await append(journal, 2, transactionCount - 1);
});

describe('a journal that was just opened', () => {
  it('has read its last segment once: not again for its writer, nor for a lane that goes on near the end', async () => {
    await using journal = await open();
    assert.ok(counts.bytes < 1.1 * byteCount, `the recovery read ${counts.bytes} bytes`);
    counts.bytes = 0;
    await using writer = await journal.openWriter();
    assert.equal(writer.state.lastSequence, BigInt(transactionCount));
    const { met, transactions } = await readAll(journal.reader, toSequence(BigInt(transactionCount - 2)));
    assert.ok(counts.bytes < 0.5 * byteCount, `the writer and a reader read ${counts.bytes} bytes`);
    assert.deepEqual(
      transactions.map(({ sequence }) => Number(sequence)),
      [transactionCount - 1, transactionCount],
    );
    assert.deepEqual(met.slice(0, 2), [{ schema: '1:first' }, { schema: '2:second' }]);
  });

  it('has a second writer find what the first one left', async () => {
    await using journal = await open();
    await append(journal, transactionCount + 1, 2);
    await using writer = await journal.openWriter();
    assert.equal(writer.state.lastSequence, BigInt(transactionCount + 2));
    writer.appendTransaction(boundaryOf(transactionCount + 3), fragmentOf('y'), []);
    await writer.flush();
    const { transactions } = await readAll(journal.reader, toSequence(BigInt(transactionCount)));
    assert.equal(transactions.length, 3);
  });

  it('finds by its time what was committed since', async () => {
    await using journal = await open();
    await append(journal, transactionCount + 1, 300);
    for (const number of [2, transactionCount, transactionCount + 1, transactionCount + 250]) {
      const time = toInstant(Number(boundaryOf(number).commitTimeMicros / 1000n));
      assert.equal(await journal.reader.locateTime(time), BigInt(number - 1));
    }
  });

  it('tells when its oldest transaction committed without reading it each time', async () => {
    await using journal = await open();
    const first = await journal.reader.extent();
    counts.reads = 0;
    const second = await journal.reader.extent();
    assert.deepEqual(second, first);
    assert.equal(second.oldestCommitMicros, boundaryOf(1).commitTimeMicros);
    assert.ok(counts.reads <= 2, `${counts.reads} reads`);
  });
});
