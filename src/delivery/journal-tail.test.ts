import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { toSequence } from '../model/position.ts';
import { JournalTail, type TailCursor } from './journal-tail.ts';
import type { PartPlace } from './decoded-part.ts';
import { MemoryJournal, testEvent } from '../testing/memory-journal.ts';

const place = (sequence: number, recordCount = 0): PartPlace => ({
  sequence: toSequence(BigInt(sequence)),
  recordCount,
});

/** A lane that writes down what it gets. */
class Reader {
  readonly ids: string[] = [];
  readonly cursor: TailCursor;
  #signal = Promise.withResolvers<void>();

  constructor(cursor: TailCursor) {
    this.cursor = cursor;
  }

  /** Takes up to `count` parts that are at hand; returns whether there was one. */
  take(count: number): boolean {
    for (let taken = 0; taken < count; taken += 1) {
      const part = this.cursor.take();
      if (part === undefined) return taken > 0;
      for (const record of part.records) if (record.kind === 'event') this.ids.push(record.event.id);
    }
    return true;
  }

  async takeUntil(count: number): Promise<void> {
    while (this.ids.length < count) {
      if (this.take(100)) continue;
      this.#signal = Promise.withResolvers();
      this.cursor.onReady(() => this.#signal.resolve());
      await this.#signal.promise;
    }
  }
}

/** Transactions of one to three bodies; the ids count on. */
function fill(journal: MemoryJournal, transactionCount: number, from = 0): string[] {
  const ids: string[] = [];
  for (let transaction = from; transaction < from + transactionCount; transaction += 1) {
    const parts = Array.from({ length: 1 + (transaction % 3) }, (_, part) =>
      Array.from({ length: 1 + (part % 2) * 2 }, (_, index) => {
        const id = `${transaction}.${part}.${index}`;
        ids.push(id);
        return testEvent('k', id);
      }),
    );
    journal.append(...parts);
  }
  return ids;
}

describe("the journal's tail", () => {
  test('gives every lane every record once and in order, however fast each is and however small the ring (I1)', async () => {
    const step = fc.record({ reader: fc.nat(3), count: fc.integer({ min: 1, max: 9 }), wait: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 600, max: 20_000 }),
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.nat(20), { minLength: 4, maxLength: 4 }),
        async (steps, ringByteCountMax, pieceByteCount, starts) => {
          const journal = new MemoryJournal();
          const ids = fill(journal, 20);
          const { createDecoder } = journal;
          const tail = new JournalTail({ reader: journal, createDecoder, ringByteCountMax, pieceByteCount });
          const readers = starts.map((start) => new Reader(tail.open(place(start))));
          for (const { reader, count, wait } of steps) {
            readers[reader]?.take(count);
            if (wait) {
              readers[reader]?.cursor.onReady(() => undefined);
              for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
            }
          }
          ids.push(...fill(journal, 5, 20));
          const firstOf = (start: number): number => ids.findIndex((id) => Number(id.split('.')[0]) >= start);
          await Promise.all(readers.map((reader, index) => reader.takeUntil(ids.length - firstOf(starts[index] ?? 0))));
          for (const [index, reader] of readers.entries())
            assert.deepEqual(reader.ids, ids.slice(firstOf(starts[index] ?? 0)));
          tail.close();
        },
      ),
      { numRuns: 200 },
    );
  });

  test('begins in the middle of a transaction, whichever way its bodies are cut', async () => {
    const journal = new MemoryJournal();
    journal.append([testEvent('k', '0')]);
    journal.append([testEvent('k', '1'), testEvent('k', '2')], [testEvent('k', '3')], [testEvent('k', '4')]);
    for (const [skipped, expected] of [
      [0, ['1', '2', '3', '4']],
      [1, ['2', '3', '4']],
      [2, ['3', '4']],
      [3, ['4']],
      [4, []],
    ] as const) {
      for (const pieceByteCount of [64, 1000]) {
        const tail = new JournalTail({ reader: journal, createDecoder: journal.createDecoder, pieceByteCount });
        const reader = new Reader(tail.open(place(1, skipped)));
        await reader.takeUntil(expected.length);
        assert.deepEqual(reader.ids, expected);
        tail.close();
      }
    }
  });

  test('keeps its memory although one lane stands still while others go on (I2)', async () => {
    const journal = new MemoryJournal();
    const ids = fill(journal, 500);
    const ringByteCountMax = 20_000;
    const tail = new JournalTail({ reader: journal, createDecoder: journal.createDecoder, ringByteCountMax });
    const still = new Reader(tail.open(place(0)));
    const swift = new Reader(tail.open(place(0)));
    await still.takeUntil(3);
    await swift.takeUntil(ids.length);
    assert.ok(tail.ringByteCount <= ringByteCountMax);
    await still.takeUntil(ids.length);
    assert.deepEqual(still.ids, ids);
    tail.close();
  });

  test('lets go of what everybody has taken, and reads nothing that nobody asks for', async () => {
    const journal = new MemoryJournal();
    const ids = fill(journal, 400);
    const tail = new JournalTail({ reader: journal, createDecoder: journal.createDecoder, ringByteCountMax: 80_000 });
    assert.equal(journal.readCount, 0);
    const reader = new Reader(tail.open(place(0)));
    await reader.takeUntil(5);
    assert.ok(journal.decodeCount < 60, 'decoding goes on only as parts are asked for');
    await reader.takeUntil(ids.length);
    assert.ok(tail.ringByteCount <= 12_000);
    assert.equal(journal.readCount, 1);
    tail.close();
  });

  test('lets go also of what only a lane that stands still has not taken, and gives it to that lane later', async () => {
    const journal = new MemoryJournal();
    const ids = fill(journal, 400);
    const tail = new JournalTail({ reader: journal, createDecoder: journal.createDecoder, ringByteCountMax: 80_000 });
    const still = new Reader(tail.open(place(0)));
    const swift = new Reader(tail.open(place(0)));
    await still.takeUntil(3);
    await swift.takeUntil(ids.length);
    assert.ok(tail.ringByteCount <= 12_000, `${tail.ringByteCount} bytes are held for it`);
    await still.takeUntil(ids.length);
    assert.deepEqual(still.ids, ids);
    assert.deepEqual(swift.ids, ids);
    tail.close();
  });

  test('decodes once for lanes that stand together, and joins them again after one fell behind', async () => {
    const journal = new MemoryJournal();
    const tail = new JournalTail({ reader: journal, createDecoder: journal.createDecoder, ringByteCountMax: 10_000 });
    const readers = [new Reader(tail.open(place(0))), new Reader(tail.open(place(0)))] as const;
    let ids = fill(journal, 200);
    await readers[0].takeUntil(ids.length);
    await readers[1].takeUntil(ids.length);
    const before = journal.decodeCount;
    const reads = journal.readCount;
    ids = [...ids, ...fill(journal, 9, 200)];
    await Promise.all(readers.map((reader) => reader.takeUntil(ids.length)));
    assert.equal(journal.decodeCount - before, 18, 'each of the bodies once');
    assert.ok(journal.readCount - reads <= 1);
    tail.close();
  });

  test('tells the lanes that wait of a failed read, delivers what came before it, and begins anew for the next', async () => {
    const journal = new MemoryJournal();
    const tail = new JournalTail({ reader: journal, createDecoder: journal.createDecoder });
    const reader = new Reader(tail.open(place(0)));
    const slow = new Reader(tail.open(place(0)));
    const ids = fill(journal, 3);
    await reader.takeUntil(ids.length);
    const waiting = reader.takeUntil(ids.length + 1);
    await Promise.resolve();
    journal.fail(new Error('a bad byte'));
    await assert.rejects(waiting, /a bad byte/);
    await slow.takeUntil(ids.length);
    assert.deepEqual(slow.ids, ids);
    reader.cursor.close();
    const again = new Reader(tail.open(place(3)));
    const more = fill(journal, 1, 3);
    await again.takeUntil(more.length);
    assert.deepEqual(again.ids, more);
    tail.close();
  });
});
