import { HeadwaterError } from '../../../foundation/error.ts';
import type { RowChange } from '../../../model/journal-record.ts';
import { type ColumnValue, type Row, unchanged } from '../../../model/row.ts';
import type { ColumnSchema, TableSchema } from '../../../model/table-schema.ts';
import { quoteQualified } from '../../../postgres/quote.ts';
import { sourceKey } from '../../source-key.ts';
import type { ColumnSource } from './postgres-options.ts';

/**
 * A source table as the user's map shows it: the columns are those of the target, and whatever follows (fitting, making,
 * keys, statements) is the same as for a table that is mirrored as it is.
 */
export interface ColumnMap {
  readonly table: TableSchema;
  /** The change as one of `table`. @throws HW-SINK-027 when a function fails, HW-SINK-028 when a value cannot be known. */
  mapChange(change: RowChange): RowChange;
}

/** The type of values that a function or the user gives: the server reads their text, or refuses it. */
export const untypedOid = 0;

interface MappedColumn {
  readonly schema: ColumnSchema;
  /** Which columns of the source it is made of, as indexes. */
  readonly from: readonly number[];
  readonly make: (values: readonly (string | null)[]) => unknown;
}

/**
 * Reads the user's map of one version of a source table. Pure.
 * @throws HW-SINK-022 when a DELETE would not carry what the target's key is made of, HW-SINK-023 when a column of the map is
 * not in the source.
 */
export function createColumnMap(
  source: TableSchema,
  columns: Readonly<Record<string, ColumnSource>>,
  named: readonly string[] | undefined,
): ColumnMap {
  const mapped = Object.entries(columns).map(([name, from]) => toMappedColumn(source, name, from));
  const keys = chooseKey(source, mapped, named);
  assertKeyCarried(source, mapped, keys);
  const table: TableSchema = {
    ...source,
    columns: mapped.map(({ schema }) => ({ ...schema, isKey: keys.includes(schema.name) })),
  };
  const mapRow = (row: Row, isWhole: boolean): Row =>
    mapped.map((column) => (isWhole || keys.includes(column.schema.name) ? mapValue(source, column, row) : null));
  return { table, mapChange: (change) => mapChange(change, table, mapRow) };
}

function toMappedColumn(source: TableSchema, name: string, from: ColumnSource): MappedColumn {
  if (typeof from === 'string') {
    const index = indexOf(source, from);
    const { typeModifier, typeOid } = source.columns[index] ?? { typeOid: untypedOid, typeModifier: -1 };
    return { schema: { name, typeOid, typeModifier, isKey: false }, from: [index], make: ([value]) => value };
  }
  const schema = { name, typeOid: untypedOid, typeModifier: -1, isKey: false };
  if (!('from' in from)) return { schema, from: [], make: () => from.value };
  const indexes = from.from.map((column) => indexOf(source, column));
  return { schema, from: indexes, make: (values) => from.value(...values) };
}

function indexOf(source: TableSchema, column: string): number {
  const index = source.columns.findIndex(({ name }) => name === column);
  if (index !== -1) return index;
  const message = `column ${column}, which the map of ${nameOf(source)} names, is not in the source`;
  throw new HeadwaterError('HW-SINK-023', message, {
    details: { table: nameOf(source), column },
    hint: 'Change `columns` in `tables` to the columns that the source has now, then start again.',
  });
}

/** The target's key: as named, or what became of the source's own. Empty: rows cannot be told apart, or the target says. */
function chooseKey(
  source: TableSchema,
  mapped: readonly MappedColumn[],
  named: readonly string[] | undefined,
): readonly string[] {
  if (named !== undefined) return named;
  return sourceKey(source, undefined).map((key) => {
    const index = source.columns.findIndex(({ name }) => name === key);
    // A function's value may be the same for two rows.
    const copy = mapped.find(({ from, schema }) => schema.typeOid !== untypedOid && from[0] === index);
    if (copy !== undefined) return copy.schema.name;
    const message = `the map of ${nameOf(source)} leaves out ${key}, which tells its rows apart`;
    throw new HeadwaterError('HW-SINK-022', message, {
      details: { table: nameOf(source), column: key },
      hint: `Add ${key} to \`columns\` in \`tables\`, or name the target's own key columns with \`key\`.`,
    });
  });
}

/** A DELETE carries the replica identity alone. */
function assertKeyCarried(source: TableSchema, mapped: readonly MappedColumn[], keys: readonly string[]): void {
  if (source.replicaIdentity === 'full') return;
  for (const { from, schema } of mapped) {
    if (!keys.includes(schema.name)) continue;
    const missing = from.map((index) => source.columns[index]).find((column) => column?.isKey !== true);
    if (missing === undefined) continue;
    const message = `the key column ${schema.name} is made of ${missing.name}, which a DELETE of ${nameOf(source)} does not carry`;
    throw new HeadwaterError('HW-SINK-022', message, {
      details: { table: nameOf(source), column: missing.name },
      hint: `Run in the source: alter table ${quoteQualified(source.schemaName, source.tableName)} replica identity full;`,
    });
  }
}

function mapChange(change: RowChange, table: TableSchema, mapRow: (row: Row, isWhole: boolean) => Row): RowChange {
  switch (change.kind) {
    case 'insert':
    case 'read':
      return { ...change, table, after: mapRow(change.after, true) };
    case 'delete':
      return { ...change, table, before: mapRow(change.before, change.beforeKind === 'full') };
    case 'update': {
      const { before, beforeKind, after } = change;
      if (before === undefined) return { ...change, table, after: mapRow(after, true) };
      const isWhole = beforeKind === 'full';
      // A function must not see a value as unchanged that the old row tells.
      const filled = after.map((value, index) => {
        const isTold = isWhole || change.table.columns[index]?.isKey === true;
        return value === unchanged && isTold ? (before[index] ?? null) : value;
      });
      return { ...change, table, before: mapRow(before, isWhole), after: mapRow(filled, true) };
    }
  }
}

function mapValue(source: TableSchema, { from, make, schema }: MappedColumn, row: Row): ColumnValue {
  const values: (string | null)[] = [];
  for (const index of from) {
    const value = row[index] ?? null;
    if (value !== unchanged) values.push(value);
  }
  // Nothing that it is made of has changed, so it has not, either.
  if (from.length > 0 && values.length === 0) return unchanged;
  if (values.length < from.length) throw unknowable(source, schema.name);
  let made: unknown;
  try {
    made = make(values);
  } catch (thrown) {
    throw failed(source, schema.name, 'threw', thrown);
  }
  if (typeof made === 'string' || made === null) return made;
  throw failed(source, schema.name, `returned a value of type ${typeof made} instead of a text or null`);
}

function failed(source: TableSchema, column: string, what: string, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW-SINK-027', `the function for column ${column} of ${nameOf(source)} ${what}`, {
    details: { table: nameOf(source), column },
    ...(cause === undefined ? {} : { cause }),
  });
}

function unknowable(source: TableSchema, column: string): HeadwaterError {
  const message = `column ${column} is made of several columns of ${nameOf(source)}, and an UPDATE left one of them out of line`;
  return new HeadwaterError('HW-SINK-028', message, {
    details: { table: nameOf(source), column },
    hint: `Run in the source: alter table ${quoteQualified(source.schemaName, source.tableName)} replica identity full; the rows that were changed before have to be written once more (update, or a new copy).`,
  });
}

function nameOf({ schemaName, tableName }: TableSchema): string {
  return `${schemaName}.${tableName}`;
}
