import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../foundation/error.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import { eventTermOf, fitsWhere, parseWhere } from './where.ts';

const insert: JournalRecord = {
  kind: 'insert',
  ordinal: 0,
  after: ['1'],
  table: {
    relationId: 1,
    schemaName: 'shop',
    tableName: 'orders',
    replicaIdentity: 'default',
    columns: [{ name: 'id', typeOid: 20, typeModifier: -1, isKey: true }],
  },
};

describe('tail --where', () => {
  it('joins equality terms by and or by comma', () => {
    const expected = [
      { field: 'table', value: 'shop.orders' },
      { field: 'op', value: 'insert' },
    ];
    assert.deepEqual(parseWhere('table=shop.orders and op=insert'), expected);
    assert.deepEqual(parseWhere(' table = shop.orders,op=insert '), expected);
  });

  it('takes values in quotes as they stand', () => {
    assert.deepEqual(parseWhere(`key='it''s and, all'`), [{ field: 'key', value: "it's and, all" }]);
    assert.deepEqual(parseWhere('key="a b"'), [{ field: 'key', value: 'a b' }]);
  });

  it('has no term for an empty text', () => assert.deepEqual(parseWhere('  '), []));

  for (const text of [
    'total>5',
    'colour=red',
    'table=a op=b',
    'table=',
    'table=a and',
    "key='open",
    '=x',
    'table=a or op=b',
  ]) {
    it(`refuses what it cannot read: ${text}`, () => {
      assert.throws(
        () => parseWhere(text),
        (error) => error instanceof HeadwaterError && error.code === 'HW-SERVICE-004',
      );
    });
  }

  it('fits a table with and without its schema', () => {
    assert.equal(fitsWhere(parseWhere('table=orders'), { record: insert, key: null, id: '1-1-0/1-0' }), true);
    assert.equal(
      fitsWhere(parseWhere('table=shop.orders and op=insert'), { record: insert, key: null, id: '1-1-0/1-0' }),
      true,
    );
    assert.equal(fitsWhere(parseWhere('table=public.orders'), { record: insert, key: null, id: '1-1-0/1-0' }), false);
    assert.equal(fitsWhere(parseWhere('op=delete'), { record: insert, key: null, id: '1-1-0/1-0' }), false);
    assert.equal(fitsWhere(parseWhere('key=7'), { record: insert, key: '7', id: '1-1-0/1-0' }), true);
  });

  it('fits an id as a whole', () => {
    const place = { record: insert, key: null, id: '7385-1-0/16B3748-3' };
    assert.equal(fitsWhere(parseWhere('id=7385-1-0/16B3748-3'), place), true);
    assert.equal(fitsWhere(parseWhere('id=7385-1-0/16B3748-30'), place), false);
  });

  for (const [text, field] of [
    ['id=0192f7c0-0000-7000-8000-000000000001', 'id'],
    ['key=order-7', 'key'],
    ['key=person@example.org and type=order.placed', 'key'],
    ['key=public.orders and op=event', 'key'],
  ] as const) {
    it(`asks the index of events where only an event fits: ${text}`, () =>
      assert.equal(eventTermOf(parseWhere(text))?.field, field));
  }

  for (const text of [
    'id=7385-1-0/16B3748-3',
    'key=public.orders',
    'key=person@example.org',
    'type=order.placed',
    '',
  ]) {
    it(`asks no index where a change may fit, or none can tell: ${text}`, () =>
      assert.equal(eventTermOf(parseWhere(text)), undefined));
  }
});
