import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createSeededRandom } from '../../foundation/random.ts';
import { toSequence } from '../../model/position.ts';
import { ParkedList } from './parked-list.ts';
import type { ParkedOrder, ParkedRecord } from './parked-record.ts';
import { decodeParkedRecord, encodeParkedRecord } from './parked-record.ts';

type State = 'failed' | 'retrying' | 'waiting';

function parked(ordinal: number, order: ParkedOrder, state: State): ParkedRecord {
  const failure = {
    code: 'HW-SINK-007',
    message: 'refused',
    attemptCount: 1,
    sinceMs: 0,
    isRetrying: state === 'retrying',
  };
  return {
    sequence: toSequence(1n),
    ordinal,
    id: String(ordinal),
    key: null,
    subject: 'test',
    order,
    failure: state === 'waiting' ? undefined : failure,
  };
}

const keys = (...names: readonly string[]): ParkedOrder => ({ kind: 'keys', keys: names });
const tables = (...names: readonly string[]): ParkedOrder => ({ kind: 'tables', tables: names });
const free: ParkedOrder = { kind: 'free' };

function listOf(...records: readonly (readonly [ParkedOrder, State])[]): ParkedList {
  const list = new ParkedList();
  for (const [ordinal, [order, state]] of records.entries()) list.put(parked(ordinal, order, state));
  return list;
}

const releases: readonly {
  readonly title: string;
  readonly list: ParkedList;
  readonly released: readonly number[];
}[] = [
  { title: 'nothing that failed', list: listOf([keys('a'), 'failed'], [free, 'failed']), released: [] },
  {
    title: 'what is tried again, and what waits behind it',
    list: listOf([keys('a'), 'retrying'], [keys('a'), 'waiting'], [keys('b'), 'failed'], [keys('b'), 'waiting']),
    released: [0, 1],
  },
  {
    title: 'nothing behind a second failure of the key',
    list: listOf([keys('a'), 'retrying'], [keys('a'), 'failed'], [keys('a'), 'waiting']),
    released: [0],
  },
  {
    title: 'nothing behind a record of two keys of which one is parked',
    list: listOf([keys('a'), 'failed'], [keys('a', 'b'), 'waiting'], [keys('b'), 'waiting']),
    released: [],
  },
  {
    title: 'no TRUNCATE in front of a key of its table, and nothing of the table behind it',
    list: listOf([keys('s.t|["1"]'), 'failed'], [tables('s.t'), 'waiting'], [keys('s.t|["2"]'), 'waiting']),
    released: [],
  },
  {
    title: 'a TRUNCATE of another table',
    list: listOf([keys('s.t|["1"]'), 'failed'], [tables('s.tt'), 'waiting'], [keys('s.tt'), 'waiting']),
    released: [1, 2],
  },
  { title: 'a record without a key by itself', list: listOf([free, 'failed'], [free, 'retrying']), released: [1] },
];

describe('a list of parked records', () => {
  for (const { title, list, released } of releases) {
    test(`releases ${title}`, () => {
      assert.deepEqual(
        list.planRelease(10).map(({ ordinal }) => ordinal),
        released,
      );
    });
  }

  test('never releases a record in front of an earlier one that shares a key, whatever is listed', () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const random = createSeededRandom(seed);
    const pick = <Value>(values: readonly Value[]): Value | undefined =>
      values[Math.floor(random.next() * values.length)];
    for (let run = 0; run < 500; run += 1) {
      const records = Array.from({ length: 12 }, (_, ordinal) =>
        parked(
          ordinal,
          pick([keys('s.t|1'), keys('s.t|2'), keys('s.t|1', 's.t|2'), keys('x'), tables('s.t'), free]) ?? free,
          pick<State>(['failed', 'retrying', 'waiting', 'waiting']) ?? 'waiting',
        ),
      );
      const list = new ParkedList();
      for (const record of records.toSorted(() => random.next() - 0.5)) list.put(record);
      const released = list.planRelease(12);
      for (const [index, record] of released.entries()) {
        const alone = new ParkedList();
        for (const earlier of records.slice(0, record.ordinal)) {
          if (!released.slice(0, index).includes(earlier)) alone.put(earlier);
        }
        assert.equal(alone.isBehind(record, record.order), false, `seed ${seed}, run ${run}, record ${record.ordinal}`);
      }
    }
  });

  test('reads a record as it was written, and nothing else', () => {
    for (const order of [free, keys('a', 'b'), tables('s.t')]) {
      const record = parked(3, order, 'failed');
      const text = encodeParkedRecord(record);
      assert.deepEqual(decodeParkedRecord(text), record);
      for (const wrong of ['', '{}', text.replace('"version":1', '"version":2'), text.replace('"kind"', '"kid"')]) {
        assert.throws(() => decodeParkedRecord(wrong), { code: 'HW-LANE-007' }, wrong);
      }
    }
  });
});
