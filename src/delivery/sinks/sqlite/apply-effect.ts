import type { SQLInputValue } from 'node:sqlite';
import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { type ColumnValue, type Row, unchanged } from '../../../model/row.ts';
import type { RowEffect } from '../../row-effect.ts';
import type { SqliteSession } from './sqlite-session.ts';
import type { TargetColumn, TargetTable } from './target-table.ts';

type Effect<Kind extends RowEffect<TargetTable>['kind']> = Extract<RowEffect<TargetTable>, { readonly kind: Kind }>;

/**
 * Carries an effect out, in the order of the source: a statement costs so little here that joining or leaving out some would not
 * pay. @throws HW-SINK-024 for a row that is to be changed and is not there, and as `SqliteSession`
 */
export function applyEffect(effect: RowEffect<TargetTable>, session: SqliteSession): void {
  switch (effect.kind) {
    case 'put':
    case 'append': {
      const { subject, texts } = writingOf(effect.table);
      session.run(subject, effect.kind === 'put' ? texts.put : texts.append, encodeRow(effect));
      return;
    }
    case 'remove': {
      const { keyColumns, texts } = writingOf(effect.table);
      session.run(`deleting from ${effect.table.targetName}`, texts.remove, encodeAll(keyColumns, effect.key));
      return;
    }
    case 'patch':
      applyPatch(effect, session);
      return;
    case 'truncate':
      for (const { sqlName, targetName } of effect.tables)
        session.run(`emptying ${targetName}`, `delete from ${sqlName}`);
      return;
    default:
      unreachable(effect);
  }
}

/** What writing to a table takes. */
interface TableWriting {
  readonly subject: string;
  readonly keyColumns: readonly TargetColumn[];
  readonly texts: Readonly<Record<'put' | 'append' | 'remove', string>>;
}

const writings = new WeakMap<TargetTable, TableWriting>();

function writingOf(table: TargetTable): TableWriting {
  let writing = writings.get(table);
  if (writing === undefined) {
    writing = createWriting(table);
    writings.set(table, writing);
  }
  return writing;
}

function createWriting(table: TargetTable): TableWriting {
  const keyColumns = table.keyIndexes.flatMap((index) => table.columns[index] ?? []);
  const names = table.columns.map(({ sqlName }) => sqlName);
  const keyNames = keyColumns.map(({ sqlName }) => sqlName);
  const others = names.filter((name) => !keyNames.includes(name));
  const append = `insert into ${table.sqlName} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`;
  const update = others.map((name) => `${name} = excluded.${name}`).join(', ');
  return {
    subject: `writing to ${table.targetName}`,
    keyColumns,
    texts: {
      append,
      put: `${append} on conflict (${keyNames.join(', ')}) do ${update === '' ? 'nothing' : `update set ${update}`}`,
      remove: `delete from ${table.sqlName} where ${conditionOn(keyColumns)}`,
    },
  };
}

function applyPatch({ key, mayBeMissing, row, table }: Effect<'patch'>, session: SqliteSession): void {
  const { keyColumns } = writingOf(table);
  const isKnown = (index: number): boolean => row[index] !== unchanged;
  const columns = table.columns.filter((_, index) => isKnown(index));
  const assignments = columns.map(({ sqlName }) => `${sqlName} = ?`).join(', ');
  const text = `update ${table.sqlName} set ${assignments} where ${conditionOn(keyColumns)}`;
  const values = row.filter((value) => value !== unchanged);
  const bound = [...encodeAll(columns, values), ...encodeAll(keyColumns, key)];
  if (session.run(`changing ${table.targetName}`, text, bound) > 0 || mayBeMissing === true) return;
  const message = `a row of ${table.sourceName} that an UPDATE changes in part is not in ${table.targetName}`;
  throw new HeadwaterError('HW-SINK-024', message, { details: { table: table.sourceName } });
}

function conditionOn(columns: readonly TargetColumn[]): string {
  return columns.map(({ sqlName }) => `${sqlName} = ?`).join(' and ');
}

function encodeRow({ row, table }: Effect<'put' | 'append'>): readonly SQLInputValue[] {
  return encodeAll(table.columns, row);
}

function encodeAll(columns: readonly TargetColumn[], values: Row): readonly SQLInputValue[] {
  return columns.map(({ encode }, index) => {
    const value: ColumnValue | undefined = values[index];
    return typeof value === 'string' ? encode(value) : assertKnown(value);
  });
}

function assertKnown(value: ColumnValue | undefined): null {
  if (value === unchanged) throw new HeadwaterError('HW-INTERNAL-002', 'an effect holds a value that is not known');
  return null;
}
