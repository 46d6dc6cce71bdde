import type { SQLInputValue } from 'node:sqlite';
import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { type ColumnValue, unchanged } from '../../../model/row.ts';
import type { RowOperation } from '../../plan-operations.ts';
import type { SqliteSession } from './sqlite-session.ts';
import type { TargetColumn, TargetTable } from './target-table.ts';

/** Runs an operation row by row. @throws HW-SINK-024 for a row that is to be changed and is not there, and as `SqliteSession` */
export function applyOperation(operation: RowOperation<TargetTable>, session: SqliteSession): void {
  switch (operation.kind) {
    case 'upsert':
    case 'append': {
      const { table, rows } = operation;
      const text = insertText(table, operation.kind);
      for (const row of rows) session.run(`writing to ${table.targetName}`, text, encodeAll(table.columns, row));
      return;
    }
    case 'delete': {
      const { table, keys } = operation;
      const text = `delete from ${table.sqlName} where ${keyCondition(table)}`;
      for (const key of keys) session.run(`deleting from ${table.targetName}`, text, encodeKey(table, key));
      return;
    }
    case 'update':
      updateRows(operation, session);
      return;
    case 'truncate':
      for (const { sqlName, targetName } of operation.tables)
        session.run(`emptying ${targetName}`, `delete from ${sqlName}`);
      return;
    default:
      unreachable(operation);
  }
}

function insertText(table: TargetTable, kind: 'upsert' | 'append'): string {
  const names = table.columns.map(({ sqlName }) => sqlName);
  const text = `insert into ${table.sqlName} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`;
  if (kind === 'append') return text;
  const keyNames = keyColumns(table).map(({ sqlName }) => sqlName);
  const others = names.filter((name) => !keyNames.includes(name));
  const target = `on conflict (${keyNames.join(', ')})`;
  if (others.length === 0) return `${text} ${target} do nothing`;
  return `${text} ${target} do update set ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`;
}

function updateRows(
  { table, columnIndexes, keys, rows, mayBeMissing }: Extract<RowOperation<TargetTable>, { kind: 'update' }>,
  session: SqliteSession,
): void {
  const columns = columnIndexes.flatMap((index) => table.columns[index] ?? []);
  const assignments = columns.map(({ sqlName }) => `${sqlName} = ?`).join(', ');
  const text = `update ${table.sqlName} set ${assignments} where ${keyCondition(table)}`;
  for (const [place, row] of rows.entries()) {
    const values = columnIndexes.map((index) => row[index] ?? null);
    const bound = [...encodeAll(columns, values), ...encodeKey(table, keys[place] ?? [])];
    if (session.run(`changing ${table.targetName}`, text, bound) > 0 || mayBeMissing === true) continue;
    const message = `a row of ${table.sourceName} that an UPDATE changes in part is not in ${table.targetName}`;
    throw new HeadwaterError('HW-SINK-024', message, { details: { table: table.sourceName } });
  }
}

function keyColumns(table: TargetTable): readonly TargetColumn[] {
  return table.keyIndexes.flatMap((index) => table.columns[index] ?? []);
}

function keyCondition(table: TargetTable): string {
  return keyColumns(table)
    .map(({ sqlName }) => `${sqlName} = ?`)
    .join(' and ');
}

function encodeKey(table: TargetTable, key: readonly string[]): readonly SQLInputValue[] {
  return encodeAll(keyColumns(table), key);
}

function encodeAll(columns: readonly TargetColumn[], values: readonly ColumnValue[]): readonly SQLInputValue[] {
  return columns.map(({ encode }, index) => {
    const value = values[index];
    return typeof value === 'string' && value !== undefined ? encode(value) : assertKnown(value);
  });
}

function assertKnown(value: ColumnValue | undefined): null {
  if (value === unchanged) throw new HeadwaterError('HW-INTERNAL-002', 'an operation holds a value that is not known');
  return null;
}
