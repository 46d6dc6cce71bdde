import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../foundation/error.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import { fitsWhere, parseWhere } from './where.ts';

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
    assert.equal(fitsWhere(parseWhere('table=orders'), insert, null), true);
    assert.equal(fitsWhere(parseWhere('table=shop.orders and op=insert'), insert, null), true);
    assert.equal(fitsWhere(parseWhere('table=public.orders'), insert, null), false);
    assert.equal(fitsWhere(parseWhere('op=delete'), insert, null), false);
    assert.equal(fitsWhere(parseWhere('key=7'), insert, '7'), true);
  });
});
