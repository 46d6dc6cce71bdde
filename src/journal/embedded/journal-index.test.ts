import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';

import fc from 'fast-check';

import { systemClock, toInstant } from '../../foundation/clock.ts';
import { silentLogger } from '../../foundation/logger.ts';
import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { toLsn } from '../../model/lsn.ts';
import { toSequence } from '../../model/position.ts';
import { boundaryOf, fragmentOf, readAll, schemaOf, sourceStart, testSource } from '../testing/journal-writes.ts';
import { EventFilter } from './event-filter.ts';
import type { JournalWriter } from './journal-writer.ts';
import { openJournal, type OpenedJournal } from './open-journal.ts';
import { filterHash, murmur3, tableHash } from './term-hash.ts';
import { createEventDecoder, eventsOf } from './testing/event-bodies.ts';
import { MemoryState } from './testing/memory-state-store.ts';

let disk: MeanDisk;
let state: MemoryState;
let journal: OpenedJournal;
let writer: JournalWriter;

async function open(): Promise<void> {
  journal = await openJournal({
    directory: '/journal',
    disk,
    clock: systemClock,
    random: createSeededRandom(1),
    logger: silentLogger,
    // Larger than the distance of two places, so that reading begins in the middle of a segment.
    segmentByteCount: 200_000,
    writerThread: 'this-thread',
    otherReaders: 'none',
    openState: () => state.open(),
    createDecoder: createEventDecoder,
  });
  writer = await journal.openWriter();
}

async function close(): Promise<void> {
  await writer.close();
  await journal[Symbol.asyncDispose]();
}

const idOf = (number: number): string => `0192f7c0-0000-7000-8000-${String(number).padStart(12, '0')}`;
const transactionCount = 3000;

/** Every transaction holds an event; some are spooled, prepared or in fragments, and need a schema from far before. */
function fill(): void {
  writer.recordSource(testSource, sourceStart, 'initial');
  writer.appendTransaction(boundaryOf(1), eventsOf([idOf(1), 'key-1']), [schemaOf(1, 'first')]);
  for (let number = 2; number <= transactionCount; number += 1) {
    const fragment = eventsOf([idOf(number), `key-${number % 100}`]);
    const padded = { ...fragment, body: [...fragment.body, ...fragmentOf('needs:first;'.padEnd(150, '.')).body] };
    if (number % 100 === 7) {
      writer.appendFragment(number, number, padded);
      writer.prepareTransaction(number, `gid-${number}`, boundaryOf(number).commitLsn);
      writer.recordProgress(toLsn(boundaryOf(number).commitLsn + 1n));
      writer.commitPrepared(`gid-${number}`, boundaryOf(number, number), []);
    } else if (number % 50 === 3) {
      writer.appendFragment(number, number, padded);
      writer.appendFragment(number, number, fragmentOf('more;'));
      writer.commitTransaction(boundaryOf(number, number), number === 1503 ? [schemaOf(2, 'second')] : []);
    } else writer.appendTransaction(boundaryOf(number, number), padded, []);
  }
}

beforeEach(async () => {
  disk = new MeanDisk({ random: createSeededRandom(1) });
  state = new MemoryState();
  await open();
  fill();
  await writer.flush();
});
afterEach(() => close());

describe('the index of a journal', () => {
  it('finds every event, and none that is not there', async () => {
    for (let number = 1; number <= transactionCount; number += 37) {
      assert.equal(await journal.search.locateEvent(idOf(number)), BigInt(number), `event ${number}`);
    }
    assert.equal(await journal.search.locateEvent(idOf(transactionCount)), BigInt(transactionCount));
    assert.equal(await journal.search.locateEvent(idOf(transactionCount + 1)), undefined);
    assert.ok(disk.paths.filter((path) => path.endsWith('.index')).length >= 3);
  });

  it('finds what was appended after the last search, and nothing that is not durable', async () => {
    assert.equal(await journal.search.locateEvent(idOf(9000)), undefined);
    writer.appendTransaction(boundaryOf(9000), eventsOf([idOf(9000), 'late']), []);
    assert.equal(await journal.search.locateEvent(idOf(9000)), undefined);
    await writer.flush();
    assert.equal(await journal.search.locateEvent(idOf(9000)), BigInt(transactionCount + 1));
    assert.deepEqual(await journal.search.locateKey('late'), [BigInt(transactionCount + 1)]);
  });

  it('finds what is durable also while segments are sealed, by many searches at once', async () => {
    let last = transactionCount;
    const append = async (): Promise<void> => {
      for (let round = 0; round < 60; round += 1) {
        for (let count = 0; count < 30; count += 1) {
          const number = last + count + 1;
          const filling = fragmentOf('x'.repeat(1000)).body;
          const fragment = eventsOf([idOf(number), 'late']);
          const body = [...fragment.body, ...filling];
          writer.appendTransaction(boundaryOf(number, number), { ...fragment, body }, []);
        }
        await writer.flush();
        last += 30;
      }
    };
    const appending = append();
    const search = async (): Promise<void> => {
      for (let found = transactionCount; found < transactionCount + 1800; found = last) {
        assert.equal(await journal.search.locateEvent(idOf(found)), BigInt(found), `event ${found}`);
      }
    };
    await Promise.all([appending, search(), search(), search()]);
  });

  it('finds all transactions of a key and of a transaction id, in order', async () => {
    const expected = Array.from({ length: transactionCount / 100 }, (_, index) => BigInt(100 * index + 42));
    assert.deepEqual(await journal.search.locateKey('key-42'), expected);
    assert.deepEqual(await journal.search.locateTransaction(1234), [1234n]);
    assert.deepEqual(await journal.search.locateTransaction(999_999), []);
  });

  it('is made again when it is missing, cut or changed anywhere, and never leads astray', async () => {
    await journal.search.refresh();
    const path = disk.paths.find((name) => name.endsWith('.index')) ?? '';
    const content = disk.content(path);
    const damage = fc.record({ offset: fc.nat({ max: content.length - 1 }), mask: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(damage, async ({ offset, mask }) => {
        const damaged = mask === 0 ? content.subarray(0, offset) : Buffer.from(content);
        if (mask !== 0) damaged[offset] = (damaged[offset] ?? 0) ^ mask;
        await close();
        disk.plant(path, damaged);
        await open();
        assert.equal(await journal.search.locateEvent(idOf(5)), 5n);
        assert.ok(disk.content(path).equals(content));
      }),
      { numRuns: 15 },
    );
  });

  it('lets reading begin in the middle of a segment, with all that came before', async () => {
    await journal.search.refresh();
    for (const after of [0n, 1n, 700n, 1503n, 1504n, 2006n, 2999n]) {
      const { met, transactions } = await readAll(journal.reader, toSequence(after));
      assert.equal(transactions.length, transactionCount - Number(after));
      assert.equal(transactions[0]?.sequence, after + 1n);
      const schemas = met.slice(0, 2).flatMap((entry) => ('schema' in entry ? [entry.schema] : []));
      if (after >= 1n) assert.deepEqual(schemas, after >= 1503n ? ['1:first', '2:second'] : ['1:first']);
    }
  });

  it('finds the place of a time as a reading from the start does', async () => {
    const times = Array.from({ length: 30 }, (_, index) =>
      Number(boundaryOf(100 * index + 1).commitTimeMicros / 1000n),
    );
    const expected = await Promise.all(times.map((time) => journal.reader.locateTime(toInstant(time))));
    await close();
    await open();
    await journal.search.refresh();
    for (const [index, time] of times.entries()) {
      assert.equal(await journal.reader.locateTime(toInstant(time)), expected[index]);
      assert.equal(expected[index], BigInt(100 * index));
    }
  });
});

describe('the index of the open segment', () => {
  it('finds the place of a time that came after the last search', async () => {
    assert.notEqual(await journal.search.locateEvent(idOf(transactionCount)), undefined);
    for (let number = transactionCount + 1; number <= transactionCount + 10; number += 1)
      writer.appendTransaction(boundaryOf(number), fragmentOf('later;'), []);
    await writer.flush();
    const time = toInstant(Number(boundaryOf(transactionCount + 3).commitTimeMicros / 1000n));
    assert.equal(await journal.reader.locateTime(time), BigInt(transactionCount + 2));
  });
});

describe('the hashes of an index', () => {
  it('are MurmurHash3', () => {
    // From the reference implementation.
    assert.equal(murmur3(Buffer.from(''), 0), 0);
    assert.equal(murmur3(Buffer.from(''), 1), 0x514e28b7);
    assert.equal(murmur3(Buffer.from('test'), 0), 0xba6bd213);
    assert.equal(murmur3(Buffer.from('Hello, world!'), 0), 0xc0363e43);
    assert.equal(murmur3(Buffer.from('The quick brown fox jumps over the lazy dog'), 0x9747b28c), 0x2fa826cd);
  });

  it('fill a filter that never denies what it holds, and seldom affirms what it does not', () => {
    const filter = EventFilter.forTerms(5000);
    for (let number = 0; number < 5000; number += 1) filter.add(tableHash(idOf(number)), filterHash(idOf(number)));
    let falseCount = 0;
    for (let number = 0; number < 10_000; number += 1) {
      const isHeld = filter.mayHold(tableHash(idOf(number)), filterHash(idOf(number)));
      if (number < 5000) assert.ok(isHeld);
      else if (isHeld) falseCount += 1;
    }
    assert.ok(falseCount < 250, `${falseCount} of 5000`);
  });
});
