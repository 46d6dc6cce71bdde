import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JournalRecord } from '../model/journal-record.ts';
import { toLsn } from '../model/lsn.ts';
import { sequenceZero } from '../model/position.ts';
import { unchanged } from '../model/row.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import { recordId, recordOrder, toOutboundRecord } from './outbound-record.ts';
import { testEvent, type UnplacedRecord } from '../testing/memory-journal.ts';
import { deleteRow, insertRow, testTable, truncateTables, updateRow } from './testing/test-table.ts';

const header: TransactionHeader = {
  sequence: sequenceZero,
  systemId: '7385',
  timeline: 2,
  xid: 1,
  commitLsn: toLsn(1n),
  commitEndLsn: toLsn(0x16_b374d848n),
  commitTimeMicros: 0n,
  messageCount: 1,
};
const placed = (record: UnplacedRecord, ordinal = 3): JournalRecord => ({ ...record, ordinal });
const orders = testTable('orders', [{ name: 'a', isKey: true }, { name: 'b', isKey: true }, { name: 'c' }]);
const full = testTable('full', [{ name: 'a' }], 'full');

function orderOf(record: UnplacedRecord): ReturnType<typeof recordOrder> {
  const outbound = toOutboundRecord(placed(record), header, {});
  assert.ok(outbound !== undefined);
  return recordOrder(outbound, false);
}

describe('a record on its way', () => {
  test('has an id that is the same at every delivery: its own, or its position', () => {
    const own = '0198a3f0-7b7a-7000-8000-000000000000';
    assert.equal(recordId(placed(testEvent('k', own)), header), own);
    const position = '7385-2-16/B374D848-3';
    assert.equal(recordId(placed(insertRow(orders, '1', '2', '3')), header), position);
    const adopted = testEvent(null, '17');
    assert.ok(adopted.kind === 'event');
    const origin = 'adopted-outbox' as const;
    assert.equal(
      recordId(placed({ ...adopted, event: { ...adopted.event, origin } }), header),
      position,
      'two tables may both count from 1',
    );
    assert.equal(recordId(placed({ ...adopted, event: { ...adopted.event, origin, id: own } }), header), own);
  });

  test('keeps the order of its key, of both keys when it changes, of its table when rows cannot be told apart', () => {
    const key = (...values: string[]): string => `public.orders|${JSON.stringify(values)}`;
    assert.deepEqual(orderOf(insertRow(orders, '1', '2', 'x')), { kind: 'keys', keys: [key('1', '2')] });
    assert.deepEqual(orderOf(updateRow(orders, ['1', '2', unchanged])), { kind: 'keys', keys: [key('1', '2')] });
    assert.deepEqual(orderOf(updateRow(orders, ['1', '3', 'x'], ['1', '2', null])), {
      kind: 'keys',
      keys: [key('1', '2'), key('1', '3')],
    });
    assert.deepEqual(orderOf(deleteRow(orders, '1', '2')), { kind: 'keys', keys: [key('1', '2')] });
    assert.deepEqual(orderOf(insertRow(full, '1')), { kind: 'keys', keys: ['public.full'] });
    assert.deepEqual(orderOf(truncateTables(orders)), { kind: 'barrier' });
    assert.deepEqual(orderOf(testEvent('k', '1')), { kind: 'keys', keys: ['k'] });
    assert.deepEqual(orderOf(testEvent(null, '1')), { kind: 'free' });
  });

  test('has one text for a key, however its values are written', () => {
    assert.notDeepEqual(orderOf(insertRow(orders, 'a"', 'b', null)), orderOf(insertRow(orders, 'a', '"b', null)));
    assert.notDeepEqual(orderOf(insertRow(orders, 'a,b', 'c', null)), orderOf(insertRow(orders, 'a', 'b,c', null)));
  });

  test('goes where the functions of the user say, and names the one that fails', () => {
    const record = placed(testEvent('k', '1'));
    const outbound = toOutboundRecord(record, header, {
      filter: () => true,
      route: () => 'there',
      map: () => 5,
      key: () => 'mine',
    });
    assert.deepEqual([outbound?.destination, outbound?.value, outbound?.key], ['there', 5, 'mine']);
    assert.equal(toOutboundRecord(record, header, { filter: () => false }), undefined);
    const wrong = [
      [{ filter: () => Promise.resolve(false) as unknown as boolean }, 'HW-LANE-011', /filter returned a promise/],
      [{ route: () => 5 as unknown as string }, 'HW-LANE-011', /route returned a value of type number/],
      [{ key: () => undefined as unknown as null }, 'HW-LANE-011', /key returned/],
      [{ map: () => assert.fail('no') }, 'HW-LANE-010', /map threw for record 7385-2-16\/B374D848-3/],
    ] as const;
    for (const [functions, code, message] of wrong) {
      assert.throws(() => toOutboundRecord(record, header, functions), { code, message });
    }
  });
});
