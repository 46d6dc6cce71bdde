import { unreachable } from '../../../foundation/assert.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import { formatLsn } from '../../../model/lsn.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { encodeRowChange, encodeTruncate } from '../../change-json.ts';
import { tableKeyPrefix } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';

/*
 * A record as a line, version 1 (`docs/reference/file-lines.md`): the JSON of a change (`change-json.ts`), of an event, or of what the
 * lane's `map` made, each followed by its place:
 *
 *   … ,"id":"7385…-1-0/16B3748-3","key":"[\"1\"]","sequence":"12","ordinal":3,"commitLsn":"0/16B3748","committedAt":"2026-11-21T07:15:24.123456Z"}
 */

/**
 * The lines of a record, each with its line feed, in order: one, and for a TRUNCATE of several tables one for each. Pure.
 * @throws HW-FILE-009 for a mapped value that cannot be written.
 */
export function toRecordLines(outbound: OutboundRecord): string {
  const { id, key, record } = outbound;
  if (outbound.value !== undefined) return toLine(encodeMapped(outbound), outbound, id, key);
  switch (record.kind) {
    case 'event':
      return toLine(encodeEvent(record.event), outbound, id, key);
    case 'truncate':
      return record.tables
        .map((table, index) => {
          const tableId = record.tables.length === 1 ? id : `${id}/${index}`;
          return toLine(encodeTruncate(record, table), outbound, tableId, key);
        })
        .join('');
    case 'insert':
    case 'read':
    case 'update':
    case 'delete':
      return toLine(encodeRowChange(record), outbound, id, shortKey(key, record.table));
    default:
      return unreachable(record);
  }
}

function toLine(json: string, { destination, header, record }: OutboundRecord, id: string, key: string | null): string {
  const route = destination === undefined ? '' : `,"destination":${JSON.stringify(destination)}`;
  const name = `"id":${JSON.stringify(id)},"key":${JSON.stringify(key)}${route}`;
  return `${json.slice(0, -1)},${name},"sequence":"${header.sequence}","ordinal":${record.ordinal},${placeOf(header)}}\n`;
}

/** The lane's default key names the table in front of the values of its key; the line has the table already. */
function shortKey(key: string | null, table: TableSchema): string | null {
  const prefix = tableKeyPrefix(table);
  return key?.startsWith(prefix) === true ? key.slice(prefix.length) : key;
}

const places = new WeakMap<TransactionHeader, string>();

/** Written once for all records of a transaction. */
function placeOf(header: TransactionHeader): string {
  const known = places.get(header);
  if (known !== undefined) return known;
  const micros = header.commitTimeMicros;
  const rest = micros % 1000n;
  const millis = new Date(Number((micros - rest) / 1000n)).toISOString().slice(0, -1);
  const committedAt = `${millis}${String(rest).padStart(3, '0')}Z`;
  const text = `"commitLsn":"${formatLsn(header.commitLsn)}","committedAt":"${committedAt}"`;
  places.set(header, text);
  return text;
}

/** The envelope without its key, which stands with the place of every record. */
function encodeEvent(event: DomainEvent): string {
  const { type, schemaVersion, source, tenant, keyVersion, contentType, headers } = event;
  const { traceparent, correlationId, causationId } = event;
  const fields = {
    op: 'event',
    type,
    schemaVersion,
    source,
    occurredAt: new Date(event.occurredAt).toISOString(),
    keyVersion,
    tenant,
    traceparent,
    correlationId,
    causationId,
    headers,
    contentType,
  };
  return `${JSON.stringify(fields).slice(0, -1)},${encodePayload(event)}}`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** JSON stands as it was written, digit by digit; other text as text; what is no UTF-8 as base64. */
function encodePayload({ contentType, payload }: DomainEvent): string {
  const text = decodeText(payload);
  if (text === undefined) return `"payloadBase64":"${Buffer.from(payload).toString('base64')}"`;
  if (!/^application\/(?:[^;]*\+)?json\b/i.test(contentType) || !isJson(text))
    return `"payloadText":${JSON.stringify(text)}`;
  // In valid JSON a line feed can only stand between two values.
  return `"payload":${text.replaceAll(/[\r\n]/g, ' ')}`;
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function encodeMapped({ id, value }: OutboundRecord): string {
  if (value instanceof Uint8Array) return `{"op":"mapped","valueBase64":"${Buffer.from(value).toString('base64')}"}`;
  let cause: unknown;
  try {
    // Undefined for a function or a symbol, whatever the declared type says.
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return `{"op":"mapped","value":${text}}`;
  } catch (thrown) {
    cause = thrown;
  }
  const message = `the lane's map returned for record ${id} a ${typeof value} that JSON cannot hold`;
  throw new HeadwaterError('HW-FILE-009', message, { details: { recordId: id }, cause });
}
