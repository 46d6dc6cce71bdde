import { unreachable } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { RowChange } from '../../model/journal-record.ts';
import { type Row, unchanged } from '../../model/row.ts';
import type { RowLayout } from './row-layout.ts';
import type { ViewRow } from './view-definition.ts';

/** What a change does to the rows of a view. A key is one text; see `keyText`. */
export type RowStep =
  /** The row of that key is this one. `isNew`: by the source, there was none. */
  | { readonly kind: 'put'; readonly key: string; readonly row: ViewRow; readonly isNew: boolean }
  /** The row under `formerKey` has these values and this key now; its others stay as they were. */
  | { readonly kind: 'change'; readonly formerKey: string; readonly key: string; readonly values: Partial<ViewRow> }
  | { readonly kind: 'remove'; readonly key: string };

/**
 * The steps of a change, in order. Pure.
 * @throws HW-VIEW-003 when a row has no value in its key
 */
export function planSteps(change: RowChange, layout: RowLayout): readonly RowStep[] {
  switch (change.kind) {
    case 'insert':
    case 'read': {
      const isNew = change.kind === 'insert';
      return [{ kind: 'put', key: keyOf(change.after, layout), row: requireWhole(change.after, layout), isNew }];
    }
    case 'delete':
      return [{ kind: 'remove', key: keyOf(change.before, layout) }];
    case 'update':
      return planUpdate(change, layout);
    default:
      return unreachable(change);
  }
}

function planUpdate(change: RowChange & { readonly kind: 'update' }, layout: RowLayout): readonly RowStep[] {
  const after =
    change.before === undefined ? change.after : fillIn(change.after, change.before, change.beforeKind, layout);
  const key = keyOf(after, layout);
  const formerKey = change.before === undefined ? key : keyOf(change.before, layout);
  const values = heldValues(after, layout);
  if (!isWhole(values, layout)) return [{ kind: 'change', formerKey, key, values }];
  if (key === formerKey) return [{ kind: 'put', key, row: values, isNew: false }];
  return [
    { kind: 'remove', key: formerKey },
    { kind: 'put', key, row: values, isNew: true },
  ];
}

/** With the whole old row, no value is unknown; with the old key, none of the key is. */
function fillIn(after: Row, before: Row, beforeKind: 'none' | 'key' | 'full', layout: RowLayout): Row {
  return after.map((value, index) => {
    if (value !== unchanged) return value;
    return beforeKind === 'full' || layout.keyIndexes.includes(index) ? (before[index] ?? null) : value;
  });
}

function keyOf(row: Row, { keyIndexes, source }: RowLayout): string {
  const values = keyIndexes.map((index) => {
    const value = row[index];
    if (typeof value === 'string') return value;
    throw new HeadwaterError('HW-VIEW-003', `a row of ${source} has no value in a key column`, {
      details: { table: source },
    });
  });
  return keyText(values);
}

/** One text for the values of a key: the value itself, or of several the JSON. */
export function keyText(values: string | readonly string[]): string {
  if (typeof values === 'string') return values;
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : JSON.stringify(values);
}

function heldValues(row: Row, { columns }: RowLayout): Partial<ViewRow> {
  const values: Record<string, string | null> = {};
  for (const { name, index, absent } of columns) {
    const value = index === undefined ? absent : row[index];
    if (value !== unchanged) values[name] = value ?? null;
  }
  return values;
}

function isWhole(values: Partial<ViewRow>, { columns }: RowLayout): values is ViewRow {
  return columns.every(({ name }) => values[name] !== undefined);
}

function requireWhole(row: Row, layout: RowLayout): ViewRow {
  const values = heldValues(row, layout);
  if (isWhole(values, layout)) return values;
  throw new HeadwaterError('HW-VIEW-006', `a new row of ${layout.source} lacks a value`, {
    details: { table: layout.source },
  });
}
