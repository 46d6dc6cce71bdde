import { HeadwaterError } from '../../../foundation/error.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { encodeRowChange, encodeTruncate } from '../../change-json.ts';
import { tableKeyPrefix } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';
import { describeRecord, type MessageHeaders } from './message-headers.ts';
import type { RabbitmqRoutingKey } from './rabbitmq-options.ts';
import { encodeDottedWords, encodeWord, shortTextBytesMax } from './routing-key.ts';

/** What a record becomes at the broker. */
export interface OutboundMessage {
  readonly routingKey: string;
  /** Stable over every delivery. */
  readonly id: string;
  /** The type of the event, or `change.` and what happened. */
  readonly type: string;
  readonly payload: Buffer;
  /** Undefined for an empty payload that stands for null. */
  readonly contentType: string | undefined;
  readonly headers: MessageHeaders;
  /** Seconds since 1970, when the source transaction committed. */
  readonly timestampSeconds: number;
}

/** What the messages of a lane have in common. */
export interface MessageOptions {
  readonly routingKey?: RabbitmqRoutingKey;
  readonly recordBytesMax: number;
  /** `<installation>/<lane>` */
  readonly owner: string;
}

interface Body {
  readonly payload: Buffer;
  readonly contentType: string | undefined;
  readonly table?: TableSchema;
}

const jsonType = 'application/json';
/** The client writes the properties of a message into a buffer of 65,536 bytes, and they must fit into one frame. */
const headerBytesMax = 60_000;

/**
 * What a record becomes, in order: one message, and for a TRUNCATE of several tables one for each of them. Pure.
 * @throws HW-RABBITMQ-008, HW-RABBITMQ-015, HW-RABBITMQ-016, HW-RABBITMQ-017 with nothing sent.
 */
export function toOutboundMessages(outbound: OutboundRecord, options: MessageOptions): readonly OutboundMessage[] {
  const bodies = encodeBodies(outbound);
  return bodies.map((body, index) => {
    const id = bodies.length === 1 ? outbound.id : `${outbound.id}/${index}`;
    return toMessage(outbound, { id, body, options });
  });
}

function toMessage(
  outbound: OutboundRecord,
  { body, id, options }: { readonly id: string; readonly body: Body; readonly options: MessageOptions },
): OutboundMessage {
  const { header, record } = outbound;
  const { contentType, payload, table } = body;
  const key = toMessageKey(outbound.key, table);
  const headers = describeRecord(outbound, { id, key, table, owner: options.owner });
  const message: OutboundMessage = {
    id,
    headers,
    payload,
    contentType,
    routingKey: chooseRoutingKey(outbound, options, table),
    type: record.kind === 'event' ? record.event.type : `change.${record.kind}`,
    timestampSeconds: Number(header.commitTimeMicros / 1_000_000n),
  };
  assertFits(message, options.recordBytesMax);
  return message;
}

function encodeBodies(outbound: OutboundRecord): readonly Body[] {
  const { record } = outbound;
  if (outbound.value !== undefined) return [withTable(encodeMapped(outbound), firstTable(outbound))];
  if (record.kind === 'event') {
    const { contentType, payload } = record.event;
    return [{ payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), contentType }];
  }
  if (record.kind === 'truncate') return record.tables.map((table) => jsonBody(encodeTruncate(record, table), table));
  return [jsonBody(encodeRowChange(record), record.table)];
}

function jsonBody(text: string, table: TableSchema): Body {
  return { payload: Buffer.from(text), contentType: jsonType, table };
}

function withTable(body: Body, table: TableSchema | undefined): Body {
  return table === undefined ? body : { ...body, table };
}

function firstTable({ record }: OutboundRecord): TableSchema | undefined {
  if (record.kind === 'event') return undefined;
  return record.kind === 'truncate' ? record.tables[0] : record.table;
}

function encodeMapped({ id, value }: OutboundRecord): Body {
  if (value === null) return { payload: Buffer.alloc(0), contentType: undefined };
  if (typeof value === 'string') return { payload: Buffer.from(value), contentType: 'text/plain; charset=utf-8' };
  if (value instanceof Uint8Array) return { payload: Buffer.from(value), contentType: 'application/octet-stream' };
  const { cause, text } = stringify(value);
  if (text !== undefined) return { payload: Buffer.from(text), contentType: jsonType };
  const message = `the lane's map returned for record ${id} a ${typeof value} that JSON cannot hold`;
  throw new HeadwaterError('HW-RABBITMQ-015', message, { details: { recordId: id }, cause });
}

function stringify(value: unknown): { readonly text?: string | undefined; readonly cause?: unknown } {
  try {
    // Undefined for a function or a symbol, whatever the declared type says.
    const text: string | undefined = JSON.stringify(value);
    return { text };
  } catch (thrown) {
    return { cause: thrown };
  }
}

/** The lane's default key names the table in front of the values of its key; the message names it in other headers. */
function toMessageKey(key: string | null, table: TableSchema | undefined): string | null {
  if (key === null || table === undefined || !key.startsWith(tableKeyPrefix(table))) return key;
  return key.slice(tableKeyPrefix(table).length);
}

function chooseRoutingKey(outbound: OutboundRecord, options: MessageOptions, table: TableSchema | undefined): string {
  const routingKey: unknown = outbound.destination ?? nameRoutingKey(outbound, options, table);
  const isText = typeof routingKey === 'string';
  if (isText && routingKey.isWellFormed() && !isLonger(routingKey, shortTextBytesMax)) return routingKey;
  const shown = isText ? `${Buffer.byteLength(routingKey)} bytes` : `a ${typeof routingKey}`;
  throw new HeadwaterError('HW-RABBITMQ-016', `record ${outbound.id} has no valid routing key: ${shown}`, {
    details: { recordId: outbound.id },
  });
}

function nameRoutingKey(
  { header, record }: OutboundRecord,
  { routingKey }: MessageOptions,
  table: TableSchema | undefined,
): string {
  if (typeof routingKey === 'string') return routingKey;
  if (routingKey !== undefined) return routingKey(record, header);
  if (table !== undefined) return tableRoutingKey(table);
  return record.kind === 'event' ? `event.${encodeDottedWords(record.event.type)}` : `change.${record.kind}`;
}

const tableRoutingKeys = new WeakMap<TableSchema, string>();

/** Written once for all changes of a table. */
function tableRoutingKey(table: TableSchema): string {
  let routingKey = tableRoutingKeys.get(table);
  if (routingKey === undefined) {
    routingKey = `change.${encodeWord(table.schemaName)}.${encodeWord(table.tableName)}`;
    tableRoutingKeys.set(table, routingKey);
  }
  return routingKey;
}

function assertFits({ contentType = '', headers, id, payload, type }: OutboundMessage, recordBytesMax: number): void {
  if (payload.length > recordBytesMax) {
    const details = { recordId: id, byteCount: payload.length, limit: recordBytesMax };
    const message = `record ${id} has a payload of ${payload.length} bytes, ${recordBytesMax} are taken`;
    throw new HeadwaterError('HW-RABBITMQ-008', message, { details });
  }
  const refuse = (what: string): HeadwaterError =>
    new HeadwaterError('HW-RABBITMQ-017', `record ${id.slice(0, 100)} has ${what}`, { details: { recordId: id } });
  if ([id, type, contentType].some((text) => isLonger(text, shortTextBytesMax)) || hasLongName(headers)) {
    throw refuse(`an id, type, content type or header name of more than ${shortTextBytesMax} bytes`);
  }
  const byteCount = countBytes(headers);
  if (byteCount > headerBytesMax) throw refuse(`headers of ${byteCount} bytes, ${headerBytesMax} are taken`);
}

/** A character takes up to three bytes in UTF-8, so that short texts need no look at what they hold. */
function isLonger(text: string, byteCountMax: number): boolean {
  return text.length * 3 > byteCountMax && Buffer.byteLength(text) > byteCountMax;
}

function hasLongName(headers: MessageHeaders): boolean {
  for (const name in headers) if (isLonger(name, shortTextBytesMax)) return true;
  return false;
}

/** What headers take, or, where that is far below the limit, no more than they may take. */
function countBytes(headers: MessageHeaders): number {
  const entries = Object.entries(headers);
  let boundCount = 0;
  for (const [name, value] of entries) boundCount += 3 * (name.length + value.length) + 6;
  if (boundCount <= headerBytesMax) return boundCount;
  let byteCount = 0;
  for (const [name, value] of entries) byteCount += Buffer.byteLength(name) + Buffer.byteLength(value) + 6;
  return byteCount;
}
