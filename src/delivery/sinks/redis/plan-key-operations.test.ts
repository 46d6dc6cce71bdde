import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { toLsn } from '../../../model/lsn.ts';
import { toSequence } from '../../../model/position.ts';
import { unchanged } from '../../../model/row.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { type RecordFunctions, toOutboundRecord } from '../../outbound-record.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import { deleteRow, insertRow, testTable, updateRow } from '../../testing/test-table.ts';
import { type KeyOperation, foldKeyOperations } from './key-operation.ts';
import { planKeyOperations } from './plan-key-operations.ts';
import { encodeRecordPosition } from './record-position.ts';
import { type KeyLayout, resolveRedisOptions } from './redis-options.ts';

const header: TransactionHeader = {
  sequence: toSequence(1n),
  systemId: '7385',
  timeline: 1,
  xid: 1,
  commitLsn: toLsn(1n),
  commitEndLsn: toLsn(2n),
  commitTimeMicros: 0n,
  messageCount: 1,
};

function plan(
  record: UnplacedRecord,
  functions: RecordFunctions = {},
  keys: Record<string, string> = {},
): readonly KeyOperation[] {
  const { layout } = resolveRedisOptions({ url: 'redis://h', keys });
  const outbound = toOutboundRecord({ ...record, ordinal: 0 }, header, functions);
  assert.ok(outbound !== undefined && layout.form !== 'stream');
  return planKeyOperations(outbound, layout satisfies KeyLayout);
}

const keysOf = (operations: readonly KeyOperation[]): readonly string[] =>
  operations.map(({ kind, key }) => `${kind} ${key}`);

function refusal(run: () => unknown): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (thrown) {
    return HeadwaterError.from(thrown).code;
  }
}

test('two tables and two rows never share a key', () => {
  const table = (name: string, keyCount: number): ReturnType<typeof testTable> =>
    testTable(
      name,
      Array.from({ length: keyCount }, (_, index) => ({ name: `k${index}`, isKey: true })),
    );
  const names = [
    plan(insertRow(table('a', 1), 'b:c')),
    plan(insertRow(table('a:b', 1), 'c')),
    plan(insertRow(table('a%3Ab', 1), 'c')),
    plan(insertRow(table('a.b', 1), 'c')),
    plan(insertRow(table('p', 2), 'x:', 'y')),
    plan(insertRow(table('p', 2), 'x', ':y')),
  ].flatMap(keysOf);
  assert.equal(new Set(names).size, names.length, names.join('\n'));
});

test('a row whose key is not known, or was not before it changed, is refused', () => {
  const keyed = testTable('t', [{ name: 'id', isKey: true }, { name: 'mail' }]);
  const full = testTable('t', [{ name: 'id' }, { name: 'mail' }], 'full');
  const nothing = testTable('t', [{ name: 'id' }, { name: 'mail' }], 'nothing');
  const byMail = { 'public.t': 'mail:{mail}' };
  const literal: RecordFunctions = { route: () => 'the one' };
  const refusals: readonly (readonly [string, () => unknown])[] = [
    ['no key', () => plan(insertRow(nothing, '1', 'a'))],
    ['a whole row as identity', () => plan(deleteRow(full, '1', 'a'))],
    ['a pattern beside the identity', () => plan(insertRow(keyed, '1', 'a'), {}, byMail)],
    ['a pattern without the identity', () => plan(insertRow(nothing, '1', 'a'), {}, byMail)],
    ['a column that is not there', () => plan(insertRow(full, '1', 'a'), {}, { 'public.t': '{name}' })],
    ['a null in the key', () => plan(insertRow(full, '1', null), {}, byMail)],
    ['a brace without its other one', () => plan(insertRow(keyed, '1', 'a'), { route: () => 'a{' })],
    ['a text for a row whose key changed', () => plan(updateRow(keyed, ['2', 'a'], ['1', null]), literal)],
  ];
  for (const [name, run] of refusals) assert.equal(refusal(run), 'HW-REDIS-011', name);
  assert.deepEqual(keysOf(plan(updateRow(full, ['1', 'b'], ['1', 'a']), {}, byMail)), ['put mail:b', 'remove mail:a']);
  assert.deepEqual(keysOf(plan(updateRow(keyed, ['1', 'b']), literal)), ['put the one']);
  assert.deepEqual(keysOf(plan(deleteRow(keyed, '1'), literal)), ['remove the one']);
});

test('what a map returned is stored as it is or refused, never in part', () => {
  const table = testTable('t', [{ name: 'id', isKey: true }]);
  const mapped = (value: unknown): readonly KeyOperation[] => plan(insertRow(table, '1'), { map: () => value });
  assert.deepEqual(keysOf(mapped(null)), ['remove public.t:1']);
  const [operation] = mapped({ text: 'a', count: 1, big: 2n ** 63n, yes: true, none: null });
  assert.ok(operation?.kind === 'put' && operation.content.kind === 'fields');
  assert.deepEqual(operation.content.fields.values, ['a', '1', '9223372036854775808', 'true', null]);
  const unfit = [
    'text',
    [1],
    { at: new Date(0) },
    { deep: {} },
    { gone: undefined },
    { nan: Number.NaN },
    new Map(),
    Promise.resolve({}),
  ];
  for (const value of unfit)
    assert.equal(
      refusal(() => mapped(value)),
      'HW-REDIS-012',
    );
});

test('positions have the order of their texts', () => {
  const place = fc.record({ sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), ordinal: fc.nat() });
  fc.assert(
    fc.property(place, place, (left, right) => {
      const [a, b] = [left, right].map(({ ordinal, sequence }) =>
        encodeRecordPosition('journal', { ...header, sequence: toSequence(sequence) }, ordinal),
      );
      const order =
        left.sequence === right.sequence ? left.ordinal - right.ordinal : left.sequence < right.sequence ? -1 : 1;
      assert.ok(a !== undefined && b !== undefined);
      assert.equal(Math.sign(a < b ? -1 : Number(a > b)), Math.sign(order));
    }),
  );
});

test('of several changes of a key in a batch the last one stays, with what the ones before it left', () => {
  const table = testTable('t', [{ name: 'id', isKey: true }, { name: 'note' }]);
  const fold = (...records: readonly UnplacedRecord[]): readonly KeyOperation[] =>
    foldKeyOperations(records.flatMap((record) => plan(record)));
  const moved = updateRow(table, ['2', unchanged], ['1', null]);
  assert.deepEqual(keysOf(fold(insertRow(table, '1', 'a'), deleteRow(table, '1'))), ['remove public.t:1']);
  assert.deepEqual(keysOf(fold(deleteRow(table, '1'), insertRow(table, '1', 'a'))), ['put public.t:1']);
  assert.deepEqual(keysOf(fold(insertRow(table, '1', 'a'), moved)), ['put public.t:2', 'remove public.t:1']);
  const twice = fold(moved, updateRow(table, ['3', unchanged], ['2', null]));
  assert.deepEqual(keysOf(twice), ['remove public.t:1', 'patch public.t:3', 'remove public.t:2']);
  const patch = twice.find(({ kind }) => kind === 'patch');
  assert.ok(patch?.kind === 'patch');
  assert.equal(patch.from, 'public.t:1');
  assert.equal(
    refusal(() => fold(deleteRow(table, '1'), updateRow(table, ['1', unchanged]))),
    'HW-SINK-024',
  );
});
