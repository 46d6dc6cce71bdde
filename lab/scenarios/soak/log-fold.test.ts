import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LogFold, type LogRecord } from './log-fold.ts';

const place = '7385-1-0/16B3748';
const row = (ordinal: number, id: string, op: string = 'insert'): LogRecord => ({
  id: `${place}-${ordinal}`,
  table: 'soak_part',
  value: JSON.stringify({ op, after: { id, version: '1', note: null, body: null } }),
});
const event: LogRecord = { id: '0199a1c2-0000-7000-8000-000000000001', table: undefined, value: '{}' };

test('holds each record by its id, the parts of one as one', () => {
  const fold = new LogFold({ mayRepeat: false });
  const parts = [0, 1].map((partition) => ({
    id: `${place}-1/${partition}`,
    table: 'soak_part',
    partition,
    value: '{"op":"truncate"}',
  }));
  for (const record of [row(0, '1'), ...parts, event, row(2, '2')]) fold.take(record);
  assert.deepEqual([...fold.ids], [`${place}-0`, `${place}-1`, event.id, `${place}-2`]);
  assert.deepEqual(fold.faults, []);
  assert.equal(fold.sums[0]?.rows, 1);
});

test('names a repetition where none may be, and drops it where it may', () => {
  const strict = new LogFold({ mayRepeat: false });
  for (const record of [row(0, '1'), row(0, '1')]) strict.take(record);
  assert.equal(strict.faults.length, 1);
  const patient = new LogFold({ mayRepeat: true });
  for (const record of [row(0, '1'), row(0, '1')]) patient.take(record);
  assert.deepEqual([patient.faults.length, patient.sums[0]?.rows], [0, 1]);
});

test('names what fits no row, such as a change that overtook another one', () => {
  const fold = new LogFold({ mayRepeat: true });
  for (const record of [row(1, '1', 'update'), row(0, '1')]) fold.take(record);
  assert.match(fold.faults[0] ?? '', /update that does not fit/);
});
