import { unreachable } from '../foundation/assert.ts';
import type { OutboundRecord } from '../delivery/sink.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import { formatLsn } from '../model/lsn.ts';
import { rowEntries, unchanged, type Row } from '../model/row.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { TextStyle } from './terminal.ts';

/** What a line says of a record. */
export type ShownRecord = Pick<OutboundRecord, 'record' | 'header' | 'id' | 'key'>;

/** One record as a JSON value of `tail --json`, version 1. Values only with `withPayload`. Pure. */
export function toRecordJson(outbound: ShownRecord, withPayload: boolean): object {
  const { record, header } = outbound;
  return {
    version: 1,
    sequence: String(header.sequence),
    ordinal: record.ordinal,
    commitLsn: formatLsn(header.commitLsn),
    commitAt: new Date(Number(header.commitTimeMicros / 1000n)).toISOString(),
    xid: header.xid,
    op: record.kind,
    id: outbound.id,
    key: outbound.key,
    ...describe(record),
    ...(withPayload ? payloadOf(record) : {}),
  };
}

/** One record as a line for people. Pure. */
export function formatRecord(outbound: ShownRecord, withPayload: boolean, style: TextStyle): string {
  const { record, header } = outbound;
  const at = new Date(Number(header.commitTimeMicros / 1000n)).toISOString().slice(11, 23);
  const subject = record.kind === 'event' ? record.event.type : Object.values(describe(record)).flat().join(', ');
  const key = outbound.key === null ? '' : ` ${style.dim('key')} ${outbound.key}`;
  const payload = withPayload ? ` ${style.dim(JSON.stringify(payloadOf(record)))}` : '';
  return `${style.dim(`${at} ${header.sequence}.${record.ordinal}`)} ${style.cyan(record.kind.padEnd(8))} ${subject}${key}${payload}`;
}

function describe(record: JournalRecord): Readonly<Record<string, unknown>> {
  switch (record.kind) {
    case 'insert':
    case 'read':
    case 'update':
    case 'delete':
      return { table: nameOf(record.table) };
    case 'truncate':
      return { tables: record.tables.map(nameOf) };
    case 'event':
      return { type: record.event.type };
    default:
      return unreachable(record);
  }
}

function nameOf(table: TableSchema): string {
  return `${table.schemaName}.${table.tableName}`;
}

function payloadOf(record: JournalRecord): object {
  switch (record.kind) {
    case 'insert':
    case 'read':
      return { after: toObject(record.table, record.after) };
    case 'update': {
      const before = record.before === undefined ? {} : { before: toObject(record.table, record.before) };
      return {
        ...before,
        after: toObject(record.table, record.after),
        unchanged: unchangedNames(record.table, record.after),
      };
    }
    case 'delete':
      return { before: toObject(record.table, record.before) };
    case 'truncate':
      return { cascade: record.cascade, restartIdentity: record.restartIdentity };
    case 'event':
      return { contentType: record.event.contentType, payload: new TextDecoder().decode(record.event.payload) };
    default:
      return unreachable(record);
  }
}

function toObject(table: TableSchema, row: Row): object {
  const pairs = [...rowEntries(table, row)].filter(([, value]) => value !== unchanged);
  return Object.fromEntries(pairs.map(([column, value]) => [column.name, value]));
}

function unchangedNames(table: TableSchema, row: Row): readonly string[] {
  return [...rowEntries(table, row)].filter(([, value]) => value === unchanged).map(([column]) => column.name);
}
