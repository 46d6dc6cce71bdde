import { unreachable } from '../foundation/assert.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { describeUnknownKind, type EventKinds } from '../model/event-kinds.ts';
import type { JournalRecord } from '../model/journal-record.ts';
import { formatLsn } from '../model/lsn.ts';
import { type Row, unchanged } from '../model/row.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import type { RecordOrder } from './key-scheduler.ts';
import type { RecordFilter, RecordKey, RecordMap, RecordRoute } from './lane-options.ts';
import type { OutboundRecord } from './sink.ts';

/** The user's functions of a lane. */
export interface RecordFunctions {
  readonly filter?: RecordFilter | undefined;
  readonly route?: RecordRoute | undefined;
  readonly map?: RecordMap | undefined;
  readonly key?: RecordKey | undefined;
  readonly events?: EventKinds | undefined;
}

/**
 * What a record is on its way to the sink; undefined when the lane's filter leaves it out.
 * @throws HW-LANE-010 when a function throws, HW-LANE-011 when it returns something unusable, HW-EVENTS-001 for an event of a
 *   kind that the catalogue does not know.
 */
export function toOutboundRecord(
  record: JournalRecord,
  header: TransactionHeader,
  functions: RecordFunctions,
): OutboundRecord | undefined {
  const call = <Result>(
    name: keyof RecordFunctions,
    fn: (record: JournalRecord, header: TransactionHeader) => Result,
  ): Result => {
    try {
      return fn(record, header);
    } catch (thrown) {
      throw refuse('HW-LANE-010', `${name} threw for record ${recordPlace(record, header)}`, thrown);
    }
  };
  if (functions.filter !== undefined && !requireBoolean(call('filter', functions.filter))) return undefined;
  assertKnownKind(record, header, functions.events);
  return {
    id: recordId(record, header),
    key: functions.key === undefined ? defaultKey(record) : requireText('key', call('key', functions.key), null),
    destination:
      functions.route === undefined ? undefined : requireText('route', call('route', functions.route), undefined),
    value: functions.map === undefined ? undefined : call('map', functions.map),
    record,
    header,
    byteCount: estimateByteCount(record),
  };
}

function assertKnownKind(record: JournalRecord, header: TransactionHeader, kinds: EventKinds | undefined): void {
  if (record.kind !== 'event' || kinds === undefined) return;
  const reason = describeUnknownKind(record.event, kinds);
  if (reason === undefined) return;
  throw new HeadwaterError('HW-EVENTS-001', `${reason}: record ${recordPlace(record, header)}`);
}

/** What the record must not overtake: its own key, and with the default key also the one it had before. */
export function recordOrder(outbound: Pick<OutboundRecord, 'key' | 'record'>, hasOwnKey: boolean): RecordOrder {
  const { record, key } = outbound;
  if (hasOwnKey) return key === null ? { kind: 'free' } : { kind: 'keys', keys: [key] };
  if (record.kind === 'truncate') return { kind: 'barrier' };
  if (key === null) return { kind: 'free' };
  const formerKey = record.kind === 'update' && record.before !== undefined ? rowKey(record.table, record.before) : key;
  return { kind: 'keys', keys: formerKey === key ? [key] : [formerKey, key] };
}

/**
 * Stable over every delivery. An adopted outbox numbers its rows by itself, and two such tables may use the same numbers, so
 * only ids that are UUIDs are taken from it.
 */
export function recordId(record: JournalRecord, header: TransactionHeader): string {
  if (record.kind === 'event') {
    const { id, origin } = record.event;
    if (origin !== 'adopted-outbox' || uuidPattern.test(id)) return id;
  }
  return recordPlace(record, header);
}

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The record's position as text: `7385…-1-0/16B3748-3`. */
function recordPlace(record: JournalRecord, header: TransactionHeader): string {
  return `${transactionPlace(header)}-${record.ordinal}`;
}

/** A transaction's position as text, written once for all of its records. */
export function transactionPlace(header: TransactionHeader): string {
  let place = transactionPlaces.get(header);
  if (place === undefined) {
    place = `${header.systemId}-${header.timeline}-${formatLsn(header.commitEndLsn)}`;
    // Chunks of a snapshot end where the last commit did; only their sequence tells them apart.
    if (header.xid === 0) place += `-s${header.sequence}`;
    transactionPlaces.set(header, place);
  }
  return place;
}

const transactionPlaces = new WeakMap<TransactionHeader, string>();

function defaultKey(record: JournalRecord): string | null {
  switch (record.kind) {
    case 'event':
      return record.event.key;
    case 'truncate':
      return null;
    case 'insert':
    case 'read':
    case 'update':
      return rowKey(record.table, record.after);
    case 'delete':
      return rowKey(record.table, record.before);
    default:
      return unreachable(record);
  }
}

/**
 * The table and the values of its replica identity. Where that is the whole row or nothing, rows cannot be told apart, so
 * the whole table is one key and keeps its order.
 */
function rowKey(table: TableSchema, row: Row): string {
  const { prefix, keyIndexes } = tableKeyOf(table);
  const [first] = keyIndexes;
  if (first === undefined) return `${table.schemaName}.${table.tableName}`;
  if (keyIndexes.length === 1) return `${prefix}[${JSON.stringify(keyText(row[first]))}]`;
  return `${prefix}${JSON.stringify(keyIndexes.map((index) => keyText(row[index])))}`;
}

/** How the default keys of a table's rows begin. */
export function tableKeyPrefix(table: TableSchema): string {
  return tableKeyOf(table).prefix;
}

interface TableKey {
  readonly prefix: string;
  /** Of the columns that tell rows apart; empty when none do. */
  readonly keyIndexes: readonly number[];
}

const tableKeys = new WeakMap<TableSchema, TableKey>();

function tableKeyOf(table: TableSchema): TableKey {
  let tableKey = tableKeys.get(table);
  if (tableKey === undefined) {
    const hasKey = table.replicaIdentity !== 'full' && table.replicaIdentity !== 'nothing';
    const keyIndexes = hasKey ? table.columns.flatMap((column, index) => (column.isKey ? [index] : [])) : [];
    tableKey = { prefix: `${table.schemaName}.${table.tableName}|`, keyIndexes };
    tableKeys.set(table, tableKey);
  }
  return tableKey;
}

function keyText(value: Row[number] | undefined): string | null {
  return value === undefined || value === unchanged ? null : value;
}

const recordOverhead = 32;

function estimateByteCount(record: JournalRecord): number {
  switch (record.kind) {
    case 'event':
      return recordOverhead + 256 + record.event.payload.length;
    case 'truncate':
      return recordOverhead;
    case 'insert':
    case 'read':
      return recordOverhead + rowByteCount(record.after);
    case 'update':
      return (
        recordOverhead + rowByteCount(record.after) + (record.before === undefined ? 0 : rowByteCount(record.before))
      );
    case 'delete':
      return recordOverhead + rowByteCount(record.before);
    default:
      return unreachable(record);
  }
}

/** Characters stand for bytes: the limits are about memory and packets, not about a format. */
function rowByteCount(row: Row): number {
  let count = 0;
  for (const value of row) count += typeof value === 'string' ? value.length + 5 : 1;
  return count;
}

function requireBoolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw refuse('HW-LANE-011', `filter returned ${describeType(value)} instead of true or false`);
}

function requireText<Absent extends null | undefined>(name: string, value: unknown, absent: Absent): string | Absent {
  if (typeof value === 'string') return value;
  if (value === absent) return absent;
  throw refuse('HW-LANE-011', `${name} returned ${describeType(value)} instead of a text or ${String(absent)}`);
}

function describeType(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  return value === null ? 'null' : `a value of type ${typeof value}`;
}

function refuse(code: 'HW-LANE-010' | 'HW-LANE-011', message: string, cause?: unknown): HeadwaterError {
  return new HeadwaterError(code, message, cause === undefined ? {} : { cause });
}
