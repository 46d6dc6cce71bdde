import type { ColumnSchema, TableSchema } from './table-schema.ts';

/** Marks a stored-out-of-line (TOAST) value that the UPDATE left as it was and that the stream therefore does not carry. */
export const unchanged: unique symbol = Symbol('unchanged');
/** The type of the mark `unchanged`. */
export type Unchanged = typeof unchanged;

/** A value exactly as PostgreSQL writes it as text, or NULL, or unchanged. A number never passes through a float. */
export type ColumnValue = string | null | Unchanged;

/** Values in the order of the table's columns. */
export type Row = readonly ColumnValue[];

/** The value of a column by name; undefined when the table has no such column. */
export function columnValue(table: TableSchema, row: Row, columnName: string): ColumnValue | undefined {
  const index = table.columns.findIndex((column) => column.name === columnName);
  return index === -1 ? undefined : row[index];
}

/** Pairs of column and value in column order. */
export function* rowEntries(table: TableSchema, row: Row): Generator<readonly [ColumnSchema, ColumnValue]> {
  for (const [index, column] of table.columns.entries()) {
    const value = row[index];
    if (value !== undefined) yield [column, value];
  }
}
