import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { PgbenchTable } from './pgbench-tables.ts';
import { isSameSum, RowSum, type TableSum } from './row-sum.ts';
import { TopicFold, type TopicRecord } from './topic-fold.ts';

const keyed: PgbenchTable = { name: 'stock', columns: ['id', 'note'], keyColumn: 'id' };
const keyless: PgbenchTable = { name: 'log', columns: ['note'], keyColumn: undefined };

function sumOf(...rows: readonly (readonly (string | null)[])[]): TableSum {
  const sum = new RowSum();
  for (const row of rows) sum.add(row);
  return sum.total;
}

function foldOf(table: PgbenchTable, ...records: readonly TopicRecord[]): TableSum {
  const fold = new TopicFold(table);
  for (const record of records) fold.take(record);
  return fold.total;
}

function recordOf(op: string, id: string, note?: string | null, partition: number = 0): TopicRecord {
  const after = note === undefined ? {} : { after: { id, note } };
  return { partition, key: op === 'truncate' ? null : id, value: JSON.stringify({ op, ...after }) };
}

describe('the fold of a topic', () => {
  test('keeps the last state of each key, over all partitions', () => {
    const total = foldOf(
      keyed,
      recordOf('insert', '1', 'old'),
      recordOf('insert', '2', null, 1),
      recordOf('update', '1', 'new'),
      recordOf('insert', '3', 'gone'),
      recordOf('delete', '3'),
    );
    assert.deepEqual(total, sumOf(['2', null], ['1', 'new']));
  });

  test('keeps a value that an update did not carry', () => {
    const update = {
      partition: 0,
      key: '1',
      value: JSON.stringify({ op: 'update', after: { id: '1' }, unchanged: ['note'] }),
    };
    assert.deepEqual(foldOf(keyed, recordOf('insert', '1', 'kept'), update), sumOf(['1', 'kept']));
  });

  test('moves a row whose key an update changed, with what the update did not carry', () => {
    const value = JSON.stringify({ op: 'update', before: { id: '1' }, after: { id: '2' }, unchanged: ['note'] });
    const moved = { partition: 0, key: '["2"]', value };
    const withKey = (record: TopicRecord): TopicRecord => ({ ...record, key: '["1"]' });
    assert.deepEqual(foldOf(keyed, withKey(recordOf('insert', '1', 'kept')), moved), sumOf(['2', 'kept']));
    const whole = {
      ...moved,
      value: JSON.stringify({ op: 'update', before: { id: '1' }, after: { id: '2', note: 'b' } }),
    };
    const [insert, removal] = [recordOf('insert', '1', 'a'), recordOf('delete', '1')].map(withKey);
    assert.ok(insert !== undefined && removal !== undefined);
    assert.deepEqual(foldOf(keyed, insert, removal, whole), sumOf(['2', 'b']));
  });

  test('empties with a truncate only the partition that it stands in', () => {
    const total = foldOf(
      keyed,
      recordOf('insert', '1', 'a', 0),
      recordOf('insert', '2', 'b', 1),
      recordOf('truncate', '', undefined, 0),
      recordOf('insert', '1', 'c', 0),
    );
    assert.deepEqual(total, sumOf(['1', 'c'], ['2', 'b']));
  });

  test('counts equal rows of a table without a key', () => {
    const once = recordOf('insert', 'x', 'same');
    assert.deepEqual(foldOf(keyless, once, once), sumOf(['same'], ['same']));
    assert.ok(!isSameSum([foldOf(keyless, once, once), sumOf(['same'])]));
  });

  test('refuses what a topic without loss and repetition never holds', () => {
    assert.throws(
      () => foldOf(keyed, recordOf('insert', '1', 'a'), recordOf('insert', '1', 'a')),
      /insert that does not fit/,
    );
    assert.throws(() => foldOf(keyed, recordOf('update', '1', 'a')), /update that does not fit/);
    assert.throws(() => foldOf(keyed, recordOf('delete', '1')), /delete that does not fit/);
    assert.throws(() => foldOf(keyless, recordOf('delete', '1')), /without a key/);
  });
});
