import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Change } from '../model/journal-record.ts';
import { type ColumnValue, unchanged } from '../model/row.ts';
import { deleteRow, insertRow, testTable, truncateTables, updateRow } from './testing/test-table.ts';
import { type FoldableTable, planOperations, type RowOperation } from './plan-operations.ts';
import { type RowEffect, toRowEffects } from './row-effect.ts';

const source = testTable('t', [{ name: 'id', isKey: true }, { name: 'a' }, { name: 'b' }]);
const table = (canFold: boolean, keyIndexes: readonly number[] = [0]): FoldableTable => ({
  sourceName: 'public.t',
  keyIndexes,
  canFold,
});
const effectsOf = (change: object, target: FoldableTable): readonly RowEffect<FoldableTable>[] =>
  toRowEffects({ ...change, ordinal: 0 } as Change, [target]);

/** What a database does with a statement: rows by key, in a model. A change of a row that is missing fails. */
function apply(rows: Map<string, ColumnValue[]>, operation: RowOperation<FoldableTable>): void {
  switch (operation.kind) {
    case 'truncate':
      rows.clear();
      break;
    case 'upsert':
      assert.equal(
        new Set(operation.rows.map(([key]) => key)).size,
        operation.rows.length,
        'no statement meets a row twice',
      );
      for (const row of operation.rows) rows.set(String(row[0]), [...row]);
      break;
    case 'delete':
      for (const [key] of operation.keys) rows.delete(String(key));
      break;
    case 'update':
      for (const [index, [key]] of operation.keys.entries()) {
        const row = rows.get(String(key));
        assert.ok(row !== undefined, 'an updated row is there');
        rows.delete(String(key));
        for (const column of operation.columnIndexes) row[column] = operation.rows[index]?.[column] ?? null;
        rows.set(String(row[0]), row);
      }
      break;
    case 'append':
      assert.fail('the table has a key');
  }
}

/** A history that a source could have: changes of rows that are there, with values left out of line. */
const history = fc.array(
  fc.record({
    what: fc.nat(9),
    key: fc.nat(4),
    to: fc.nat(4),
    a: fc.nat(99),
    skipsA: fc.boolean(),
    skipsB: fc.boolean(),
  }),
  { maxLength: 40 },
);

function run(
  steps: readonly { what: number; key: number; to: number; a: number; skipsA: boolean; skipsB: boolean }[],
  present: Map<string, ColumnValue[]>,
  target: FoldableTable,
): RowEffect<FoldableTable>[] {
  const effects: RowEffect<FoldableTable>[] = [];
  for (const { what, key: number, to, a, skipsA, skipsB } of steps) {
    const key = String(number);
    const row = present.get(key);
    if (what === 0) {
      effects.push(...effectsOf(truncateTables(source), target));
      present.clear();
    } else if (row === undefined) {
      present.set(key, [key, String(a), 'new']);
      effects.push(...effectsOf(insertRow(source, key, String(a), 'new'), target));
    } else if (what < 3) {
      present.delete(key);
      effects.push(...effectsOf(deleteRow(source, key), target));
    } else {
      const next = what < 5 && !present.has(String(to)) ? String(to) : key;
      const after: ColumnValue[] = [next, skipsA ? unchanged : String(a), skipsB ? unchanged : `b${a}`];
      effects.push(...effectsOf(updateRow(source, after, next === key ? undefined : [key, null, null]), target));
      present.delete(key);
      present.set(next, [next, skipsA ? (row[1] ?? null) : String(a), skipsB ? (row[2] ?? null) : `b${a}`]);
    }
  }
  return effects;
}

const sorted = (rows: Map<string, ColumnValue[]>): unknown =>
  [...rows].sort(([left], [right]) => (left < right ? -1 : 1));

describe('the statements of a batch', () => {
  for (const canFold of [true, false]) {
    test(`leave the rows as the source has them, ${canFold ? 'folded to the last state of each row' : 'in the order of the source'}`, () => {
      fc.assert(
        fc.property(history, history, (before, steps) => {
          const target = table(canFold);
          const present = new Map<string, ColumnValue[]>();
          const rows = new Map<string, ColumnValue[]>();
          for (const batch of [before, steps])
            for (const operation of planOperations(run(batch, present, target))) apply(rows, operation);
          assert.deepEqual(sorted(rows), sorted(present));
        }),
        { numRuns: 500 },
      );
    });
  }

  test('are few where only the last state counts', () => {
    const target = table(true);
    const effects = Array.from({ length: 1000 }, (_, index) =>
      effectsOf(updateRow(source, [String(index % 10), String(index), 'b']), target),
    ).flat();
    const [operation, ...others] = planOperations(effects);
    assert.equal(others.length, 0);
    assert.ok(operation?.kind === 'upsert' && operation.rows.length === 10);
    assert.deepEqual(operation.rows[3], ['3', '993', 'b']);
  });

  test('keep the order of effects where something in the target watches them', () => {
    const target = table(false);
    const effects = [
      insertRow(source, '1', null, null),
      insertRow(source, '2', null, null),
      deleteRow(source, '1'),
      insertRow(source, '1', 'x', null),
    ].flatMap((change) => effectsOf(change, target));
    assert.deepEqual(
      planOperations(effects).map(({ kind }) => kind),
      ['upsert', 'delete', 'upsert'],
    );
  });

  test('append what has no key, and refuse to change it', () => {
    const keyless = table(true, []);
    assert.deepEqual(effectsOf(insertRow(source, '1', null, null), keyless), [
      { kind: 'append', table: keyless, row: ['1', null, null] },
    ]);
    assert.throws(() => effectsOf(deleteRow(source, '1'), keyless), { code: 'HW-SINK-021' });
    assert.throws(() => effectsOf(updateRow(source, ['1', null, null]), keyless), { code: 'HW-SINK-021' });
    assert.throws(
      () => effectsOf(insertRow(source, null, null, null), table(true)),
      { code: 'HW-SINK-021' },
      'a key has no NULL',
    );
  });
});
