import type { RowChange, TruncateChange } from '../model/journal-record.ts';
import { type ColumnValue, type Row, unchanged } from '../model/row.ts';
import type { TableSchema } from '../model/table-schema.ts';

/*
 * A change as JSON, version 1 (`docs/reference/kafka-headers.md`):
 *
 *   {"op":"insert","schema":"public","table":"orders","after":{"id":"1","total":"9.99","note":null}}
 *   {"op":"read","schema":"public","table":"orders","after":{ … }}  a row as a snapshot found it
 *   {"op":"update", … ,"before":{"id":"1"},"after":{"id":"2", … },"unchanged":["document"]}
 *   {"op":"delete", … ,"before":{"id":"2"}}
 *   {"op":"truncate","schema":"public","table":"orders","cascade":false,"restartIdentity":false}
 *
 * Values are texts exactly as PostgreSQL writes them, or null. A value that the UPDATE did not touch and that the stream does
 * not carry is missing from `after` and listed in `unchanged`.
 */

interface TableForm {
  readonly head: string;
  /** Each column's name as JSON with its colon. */
  readonly names: readonly string[];
}

const forms = new WeakMap<TableSchema, TableForm>();

/** A row change as JSON text. */
export function encodeRowChange(change: RowChange): string {
  const form = formOf(change.table);
  switch (change.kind) {
    case 'insert':
    case 'read':
      return `{"op":"${change.kind}",${form.head}${encodeAfter(form, change.table, change.after)}}`;
    case 'update': {
      const before =
        change.before === undefined
          ? ''
          : `,"before":${encodeBefore(form, change.table, change.before, change.beforeKind === 'key')}`;
      return `{"op":"update",${form.head}${before}${encodeAfter(form, change.table, change.after)}}`;
    }
    case 'delete':
      return encodeDelete(change.table, change.before, change.beforeKind === 'key');
  }
}

/** The deletion of a row, also of one that an UPDATE of its key moved away. */
export function encodeDelete(table: TableSchema, before: Row, isKeyOnly: boolean): string {
  const form = formOf(table);
  return `{"op":"delete",${form.head},"before":${encodeBefore(form, table, before, isKeyOnly)}}`;
}

/** A TRUNCATE of one of its tables. */
export function encodeTruncate(change: TruncateChange, table: TableSchema): string {
  const { cascade, restartIdentity } = change;
  return `{"op":"truncate",${formOf(table).head},"cascade":${cascade},"restartIdentity":${restartIdentity}}`;
}

/** The values of the replica identity as a JSON array of texts, in column order: the key of the record. */
export function encodeRowKey(table: TableSchema, row: Row): string {
  const values = table.columns.flatMap((column, index) => (column.isKey ? [keyValue(row[index])] : []));
  return JSON.stringify(values);
}

function keyValue(value: ColumnValue | undefined): string | null {
  return value === undefined || value === unchanged ? null : value;
}

function encodeAfter(form: TableForm, table: TableSchema, row: Row): string {
  let text = ',"after":{';
  let missing = '';
  for (let index = 0; index < row.length; index += 1) {
    const value = row[index];
    if (value === unchanged) {
      missing += `${missing === '' ? '' : ','}${JSON.stringify(table.columns[index]?.name)}`;
    } else if (value !== undefined) {
      text += `${text.length === afterHeadLength ? '' : ','}${form.names[index]}${value === null ? 'null' : JSON.stringify(value)}`;
    }
  }
  return missing === '' ? `${text}}` : `${text}},"unchanged":[${missing}]`;
}

const afterHeadLength = ',"after":{'.length;

function encodeBefore(form: TableForm, table: TableSchema, row: Row, isKeyOnly: boolean): string {
  let text = '{';
  for (let index = 0; index < row.length; index += 1) {
    const value = row[index];
    if (value === undefined || value === unchanged || (isKeyOnly && table.columns[index]?.isKey !== true)) continue;
    text += `${text.length === 1 ? '' : ','}${form.names[index]}${value === null ? 'null' : JSON.stringify(value)}`;
  }
  return `${text}}`;
}

function formOf(table: TableSchema): TableForm {
  let form = forms.get(table);
  if (form === undefined) {
    form = {
      head: `"schema":${JSON.stringify(table.schemaName)},"table":${JSON.stringify(table.tableName)}`,
      names: table.columns.map((column) => `${JSON.stringify(column.name)}:`),
    };
    forms.set(table, form);
  }
  return form;
}
