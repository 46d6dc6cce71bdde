import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord, RowChange } from '../../../model/journal-record.ts';
import { type Row, unchanged } from '../../../model/row.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { OutboundRecord } from '../../sink.ts';
import { type Content, hasUnchanged, type KeyOperation, toFieldList } from './key-operation.ts';
import { escapeName, fillPattern, type KeyPattern, parseKeyPattern } from './key-pattern.ts';
import { encodeMappedContent } from './mapped-content.ts';
import type { KeyLayout } from './redis-options.ts';
import { eventFields } from './stream-entry.ts';

/**
 * What a record does to keys, in order. Pure.
 * @throws HW-REDIS-011 when the key of a row is not known, HW-REDIS-012 for what the map returned, HW-REDIS-013 for TRUNCATE.
 */
export function planKeyOperations(outbound: OutboundRecord, layout: KeyLayout): readonly KeyOperation[] {
  const { record } = outbound;
  if (record.kind === 'truncate') {
    const tables = record.tables.map(({ schemaName, tableName }) => `${schemaName}.${tableName}`).join(', ');
    throw new HeadwaterError('HW-REDIS-013', `a TRUNCATE of ${tables}`, { details: { record: outbound.id, tables } });
  }
  if (record.kind === 'event')
    return [storeOrRemove(eventKey(outbound, layout), outbound, eventContent(outbound, layout))];
  const keyOf = rowKeys(record, outbound, layout);
  if (record.kind === 'delete')
    return [storeOrRemove(keyOf(record.before), outbound, mappedContent(outbound, layout) ?? null)];
  if (record.kind !== 'update')
    return [storeOrRemove(keyOf(record.after), outbound, rowContent(record.after, outbound, layout))];
  const after = fillUnchanged(record);
  const key = keyOf(after);
  const formerKey = record.before === undefined ? key : keyOf(record.before);
  const operation = storeOrRemove(key, outbound, rowContent(after, outbound, layout), formerKey);
  return formerKey === key ? [operation] : [operation, { kind: 'remove', key: formerKey, outbound }];
}

function storeOrRemove(key: string, outbound: OutboundRecord, content: Content | null, from = key): KeyOperation {
  if (content === null) return { kind: 'remove', key, outbound };
  return content.kind === 'fields' && hasUnchanged(content.fields)
    ? { kind: 'patch', key, from, fields: content.fields, outbound }
    : { kind: 'put', key, content, outbound };
}

/** Undefined without a map; null: the map says that there is nothing. */
function mappedContent(outbound: OutboundRecord, { form }: KeyLayout): Content | null | undefined {
  return outbound.value === undefined ? undefined : encodeMappedContent(outbound, form);
}

function rowContent(row: Row, outbound: OutboundRecord, layout: KeyLayout): Content | null {
  const mapped = mappedContent(outbound, layout);
  if (mapped !== undefined || outbound.record.kind === 'event' || outbound.record.kind === 'truncate')
    return mapped ?? null;
  return { kind: 'fields', fields: { names: formOf(outbound.record.table).columnNames, values: row } };
}

function eventContent(outbound: OutboundRecord, layout: KeyLayout): Content | null {
  const mapped = mappedContent(outbound, layout);
  if (mapped !== undefined || outbound.record.kind !== 'event') return mapped ?? null;
  const { event } = outbound.record;
  if (layout.form === 'json') return { kind: 'text', text: event.payload };
  return { kind: 'fields', fields: toFieldList(eventFields(event)) };
}

function eventKey(outbound: OutboundRecord, layout: KeyLayout): string {
  const { record } = outbound;
  const pattern = outbound.destination === undefined ? layout.events : parseKeyPattern(outbound.destination);
  if (record.kind !== 'event' || pattern === undefined) throw noKey(outbound, 'its route is no key pattern');
  const { key, tenant, type } = record.event;
  const values: Readonly<Record<string, string | undefined>> = { key: key ?? undefined, type, tenant };
  const filled = fillPattern(pattern, (name) => values[name]);
  if (filled !== undefined) return filled;
  throw noKey(outbound, 'the event lacks a value that the pattern names');
}

/** How the rows of a record's table are named. */
function rowKeys(change: RowChange, outbound: OutboundRecord, layout: KeyLayout): (row: Row) => string {
  const { table } = change;
  const pattern =
    outbound.destination === undefined
      ? layout.keys.get(`${table.schemaName}.${table.tableName}`)
      : (parseKeyPattern(outbound.destination) ?? 'invalid');
  if (pattern === 'invalid') throw noKey(outbound, 'its route is no key pattern');
  if (pattern === undefined) return defaultKeys(table, outbound, layout.prefix);
  assertPatternFits(pattern, change, outbound);
  return (row) => {
    const key = fillPattern(pattern, (name) => textOf(row[table.columns.findIndex((column) => column.name === name)]));
    if (key !== undefined) return key;
    throw noKey(outbound, 'the row lacks a value that the pattern names');
  };
}

function defaultKeys(table: TableSchema, outbound: OutboundRecord, prefix: string): (row: Row) => string {
  const { keyIndexes, keyName } = formOf(table);
  if (keyIndexes.length === 0) throw noKey(outbound, 'no column tells the rows of its table apart');
  return (row) => {
    const values = keyIndexes.map((index) => textOf(row[index]));
    if (values.includes(undefined)) throw noKey(outbound, 'the row has no value in a key column');
    return `${prefix}${keyName}${values.length === 1 ? (values[0] ?? '') : JSON.stringify(values)}`;
  };
}

/** What all rows of a table have in common. */
interface TableForm {
  readonly columnNames: readonly string[];
  /** How the default keys of its rows begin. */
  readonly keyName: string;
  /** Of the columns that tell its rows apart; empty when none do. */
  readonly keyIndexes: readonly number[];
}

const forms = new WeakMap<TableSchema, TableForm>();

function formOf(table: TableSchema): TableForm {
  let form = forms.get(table);
  if (form === undefined) {
    const hasKey = table.replicaIdentity !== 'full' && table.replicaIdentity !== 'nothing';
    form = {
      columnNames: table.columns.map(({ name }) => name),
      keyName: `${escapeName(table.schemaName)}.${escapeName(table.tableName)}:`,
      keyIndexes: hasKey ? table.columns.flatMap(({ isKey }, index) => (isKey ? [index] : [])) : [],
    };
    forms.set(table, form);
  }
  return form;
}

/** The key that a row had before must be known as well, or it would stay behind. */
function assertPatternFits({ names }: KeyPattern, change: RowChange, outbound: OutboundRecord): void {
  const { columns, replicaIdentity } = change.table;
  if (names.length === 0) {
    if (change.kind === 'update' && change.before !== undefined)
      throw noKey(outbound, 'its key may have changed, and a route without {column} does not say what it was');
    return;
  }
  const unknown = names.find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined) throw noKey(outbound, `its table has no column ${unknown}`);
  if (replicaIdentity === 'full') return;
  const keyNames = columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  const isSame = keyNames.length > 0 && keyNames.every((name) => names.includes(name));
  if (replicaIdentity === 'nothing' || !isSame || names.some((name) => !keyNames.includes(name)))
    throw noKey(
      outbound,
      `the pattern must name the columns of the replica identity (${keyNames.join(', ')}) and no others`,
    );
}

/** With the whole old row, no value is unknown; with the old key, none of the key is. */
function fillUnchanged({ after, before, beforeKind, table }: RowChange & { readonly kind: 'update' }): Row {
  if (before === undefined) return after;
  return after.map((value, index) => {
    if (value !== unchanged) return value;
    return beforeKind === 'full' || table.columns[index]?.isKey === true ? (before[index] ?? null) : value;
  });
}

function textOf(value: Row[number] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function noKey({ id, record }: OutboundRecord, reason: string): HeadwaterError {
  const subject: Readonly<Record<string, string>> = subjectOf(record);
  return new HeadwaterError('HW-REDIS-011', `record ${id}: ${reason}`, { details: { record: id, ...subject } });
}

function subjectOf(record: JournalRecord): Readonly<Record<string, string>> {
  if (record.kind === 'event') return { eventType: record.event.type };
  if (record.kind === 'truncate') return {};
  return { table: `${record.table.schemaName}.${record.table.tableName}` };
}
