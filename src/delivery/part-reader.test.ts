import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DecodedBody, TransactionDecoder } from '../capture/transaction-decoder.ts';
import { sequenceZero } from '../model/position.ts';
import { MemoryJournal, testEvent, type UnplacedRecord } from '../testing/memory-journal.ts';
import type { DecodedPart } from './decoded-part.ts';
import { PartReader, type PartReaderOptions } from './part-reader.ts';

const events = (...ids: readonly string[]): UnplacedRecord[] => ids.map((id) => testEvent('k', id));

/** Takes parts until one is the last of its transaction. */
async function readTransaction(options: PartReaderOptions): Promise<readonly DecodedPart[]> {
  const reader = new PartReader({ sequence: sequenceZero, recordCount: 0 }, options);
  const parts: DecodedPart[] = [];
  while (parts.at(-1)?.isLast !== true) {
    const part = reader.take();
    if (part === undefined) await reader.advance();
    else parts.push(part);
  }
  reader.close();
  return parts;
}

/** As the journal's own, except that events whose ids begin with `foreign` are messages of others. */
function createForeignDecoder(journal: MemoryJournal): TransactionDecoder {
  const decoder = journal.createDecoder();
  return {
    ...decoder,
    decodeBody(encoding, body, firstOrdinal): DecodedBody {
      const { records, counts } = decoder.decodeBody(encoding, body, firstOrdinal);
      const own = records.filter((record) => record.kind !== 'event' || !record.event.id.startsWith('foreign'));
      return { records: own, counts: { ...counts, foreignMessages: records.length - own.length } };
    },
  };
}

describe('a reader of parts', () => {
  test('gives a transaction of one body whole, however large it is', async () => {
    const journal = new MemoryJournal();
    journal.append(events('a', 'b', 'c', 'd'));
    const { createDecoder } = journal;
    const parts = await readTransaction({ reader: journal, createDecoder, pieceByteCount: 64 });
    assert.deepEqual(
      parts.map(({ records, isFirst, isLast }) => [records.length, isFirst, isLast]),
      [[4, true, true]],
    );
  });

  test('cuts the bodies of a transaction of several, and says of each piece where it stands', async () => {
    const journal = new MemoryJournal();
    journal.append(events('a', 'b', 'c'), events('d'), events('e', 'f', 'g', 'h'));
    const { createDecoder } = journal;
    const parts = await readTransaction({ reader: journal, createDecoder, pieceByteCount: 100 });
    assert.deepEqual(
      parts.map(({ records, firstOrdinal, isFirst, isLast }) => [records.length, firstOrdinal, isFirst, isLast]),
      [
        [2, 0, true, false],
        [1, 2, false, false],
        [1, 3, false, false],
        [2, 4, false, false],
        [2, 6, false, true],
      ],
    );
  });

  test('counts what is no record also where a transaction begins with nothing else', async () => {
    const journal = new MemoryJournal();
    journal.append(events('foreign-1', 'foreign-2', 'foreign-3', 'a'), events('foreign-4', 'b'));
    const createDecoder = (): TransactionDecoder => createForeignDecoder(journal);
    const parts = await readTransaction({ reader: journal, createDecoder, pieceByteCount: 64 });
    assert.equal(
      parts.reduce((sum, { counts }) => sum + counts.foreignMessages, 0),
      4,
    );
    assert.deepEqual(
      parts.map(({ isFirst }) => isFirst),
      [true, false, false],
    );
  });
});
