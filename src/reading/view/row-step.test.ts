import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deleteRow, insertRow, testTable, updateRow } from '../../delivery/testing/test-table.ts';
import type { UnplacedRecord } from '../../delivery/testing/memory-journal.ts';
import type { RowChange } from '../../model/journal-record.ts';
import { unchanged } from '../../model/row.ts';
import { planLayout } from './row-layout.ts';
import { keyText, planSteps, type RowStep } from './row-step.ts';
import { viewTable } from './view-definition.ts';

const plain = testTable('t', [{ name: 'id', isKey: true }, { name: 'a' }, { name: 'b' }]);
const full = testTable('t', [{ name: 'id' }, { name: 'a' }, { name: 'b' }], 'full');
const pair = testTable('t', [{ name: 'x', isKey: true }, { name: 'y', isKey: true }, { name: 'a' }]);
const keyless = testTable('t', [{ name: 'a' }]);
const held = { source: 't', columns: ['a'] } as const;

function place(record: UnplacedRecord): RowChange {
  assert.ok(record.kind !== 'event' && record.kind !== 'truncate');
  return { ...record, ordinal: 0 };
}

describe('a change of a row in a view', () => {
  const cases: readonly [string, UnplacedRecord, readonly RowStep[]][] = [
    ['insert', insertRow(plain, '1', 'v', 'w'), [{ kind: 'put', key: '1', row: { a: 'v' }, isNew: true }]],
    [
      'read of a copy',
      { kind: 'read', table: plain, after: ['1', null, 'w'] },
      [{ kind: 'put', key: '1', row: { a: null }, isNew: false }],
    ],
    ['delete by the key', deleteRow(plain, '1'), [{ kind: 'remove', key: '1' }]],
    ['update', updateRow(plain, ['1', 'v', 'w']), [{ kind: 'put', key: '1', row: { a: 'v' }, isNew: false }]],
    [
      'update of what is not held',
      updateRow(plain, ['1', 'v', unchanged]),
      [{ kind: 'put', key: '1', row: { a: 'v' }, isNew: false }],
    ],
    [
      'update that leaves a value out',
      updateRow(plain, ['1', unchanged, 'w']),
      [{ kind: 'change', formerKey: '1', key: '1', values: {} }],
    ],
    [
      'update of the key',
      updateRow(plain, ['2', 'v', 'w'], ['1', null, null]),
      [
        { kind: 'remove', key: '1' },
        { kind: 'put', key: '2', row: { a: 'v' }, isNew: true },
      ],
    ],
    [
      'update of the key that leaves a value out',
      updateRow(plain, ['2', unchanged, 'w'], ['1', null, null]),
      [{ kind: 'change', formerKey: '1', key: '2', values: {} }],
    ],
    [
      'update with the whole old row',
      updateRow(full, ['1', unchanged, 'w'], ['1', 'old', 'w']),
      [{ kind: 'put', key: '1', row: { a: 'old' }, isNew: false }],
    ],
    ['delete by the whole row', deleteRow(full, '1', 'v', 'w'), [{ kind: 'remove', key: '1' }]],
    [
      'a key of two columns',
      insertRow(pair, '1', '2', 'v'),
      [{ kind: 'put', key: '["1","2"]', row: { a: 'v' }, isNew: true }],
    ],
  ];
  for (const [name, record, steps] of cases) {
    test(`${name} has the effect that it had in the source`, () => {
      const change = place(record);
      const key = change.table === full ? { key: ['id'] } : {};
      assert.deepEqual(planSteps(change, planLayout(viewTable({ ...held, ...key }), change.table)), steps);
    });
  }

  test('keys of several columns cannot be taken for each other', () => {
    assert.notEqual(keyText(['a,b', 'c']), keyText(['a', 'b,c']));
    assert.equal(keyText(['1']), keyText('1'));
  });
});

describe('a table that does not fit its view', () => {
  const cases = [
    ['without a key', keyless, held, 'HW-VIEW-003'],
    ['told apart by its whole rows, without a named key', full, held, 'HW-VIEW-003'],
    ['told apart by other columns', plain, { ...held, key: ['a'] }, 'HW-VIEW-003'],
    ['told apart by more columns', pair, { ...held, key: ['x'] }, 'HW-VIEW-003'],
    ['without a column of the named key', full, { ...held, key: ['nobody'] }, 'HW-VIEW-003'],
    ['without a column that is held', plain, { source: 't', columns: ['a', 'later'] }, 'HW-VIEW-004'],
  ] as const;
  for (const [name, schema, options, code] of cases) {
    test(`${name} is refused with ${code}`, () => {
      assert.throws(() => planLayout(viewTable<string>(options), schema), { code });
    });
  }

  test('is accepted when the view says which value older rows have', () => {
    const definition = viewTable({ source: 't', columns: ['a', 'later'], absent: { later: 'x' } });
    const steps = planSteps(place(insertRow(plain, '1', 'v', 'w')), planLayout(definition, plain));
    assert.deepEqual(steps, [{ kind: 'put', key: '1', row: { a: 'v', later: 'x' }, isNew: true }]);
  });

  test('has no value in its key', () => {
    const layout = planLayout(viewTable({ ...held, key: ['id'] }), full);
    assert.throws(() => planSteps(place(insertRow(full, null, 'v', 'w')), layout), { code: 'HW-VIEW-003' });
  });

  test('options that contradict each other are refused', () => {
    for (const options of [
      { source: 'a.b.c', columns: ['a'] },
      { source: 't', columns: [] },
      { source: 't', columns: ['a', 'a'] },
      { source: 't', columns: ['__proto__'] },
      { source: 't', columns: ['a'], key: [] },
      { source: 't', columns: ['a'], absent: { b: 'x' } },
    ]) {
      assert.throws(() => viewTable<string>(options), { code: 'HW-VIEW-012' });
    }
  });
});
