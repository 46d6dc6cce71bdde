import { HeadwaterError } from '../../../foundation/error.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { commitInstant, type TransactionHeader } from '../../../model/transaction.ts';
import { encodeRowChange, encodeTruncate } from '../../change-json.ts';
import type { OutboundRecord } from '../../sink.ts';

/*
 * What is sent for a record, version 1 (`docs/reference/webhook-request.md`): the three members of Standard Webhooks, and ours
 * in one more.
 *
 *   {"type":"order.placed","timestamp":"…","data":{…},"headwater":{"version":1,"kind":"event","sequence":"17","key":"42", … }}
 */

/** A body and what it is. */
export interface WebhookBody {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

const json = 'application/json';

/**
 * What is sent for a record. The payload of an event stands in it byte for byte. Pure.
 * @throws HW-WEBHOOK-012 for a payload that says it is JSON and is not, or a mapped value that cannot be written
 */
export function toWebhookBody(outbound: OutboundRecord): WebhookBody {
  if (outbound.value !== undefined) return encodeMapped(outbound, outbound.value);
  const { record } = outbound;
  const parts = { type: typeOf(record), timestamp: timestampOf(outbound), headwater: describe(outbound) };
  const head = `{"type":${JSON.stringify(parts.type)},"timestamp":${JSON.stringify(parts.timestamp)},"data":`;
  const tail = `,"headwater":${JSON.stringify(parts.headwater)}}`;
  return { bytes: Buffer.from(`${head}${encodeData(outbound)}${tail}`), contentType: json };
}

function typeOf(record: JournalRecord): string {
  if (record.kind === 'event') return record.event.type;
  if (record.kind === 'truncate') return 'truncate';
  return `${record.table.schemaName}.${record.table.tableName}.${record.kind}`;
}

function timestampOf({ record, header }: OutboundRecord): string {
  return record.kind === 'event' ? new Date(record.event.occurredAt).toISOString() : committedAt(header);
}

const commitTexts = new WeakMap<TransactionHeader, string>();

/** Written once for all records of a transaction. */
function committedAt(header: TransactionHeader): string {
  let text = commitTexts.get(header);
  if (text === undefined) {
    text = new Date(commitInstant(header)).toISOString();
    commitTexts.set(header, text);
  }
  return text;
}

function describe({ record, key, header }: OutboundRecord): object {
  const place = { version: 1, kind: record.kind, sequence: String(header.sequence), ordinal: record.ordinal, key };
  return record.kind === 'event' ? { ...place, ...describeEvent(record.event) } : place;
}

function describeEvent(event: DomainEvent): object {
  const { schemaVersion, source, keyVersion, tenant, traceparent, correlationId, causationId, headers } = event;
  return {
    schemaVersion,
    source,
    ...(isJson(event.contentType) ? {} : { contentType: event.contentType }),
    keyVersion,
    tenant,
    traceparent,
    correlationId,
    causationId,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
}

function encodeData(outbound: OutboundRecord): string {
  const { record } = outbound;
  if (record.kind === 'event') return encodePayload(outbound, record.event);
  if (record.kind !== 'truncate') return encodeRowChange(record);
  return `[${record.tables.map((table) => encodeTruncate(record, table)).join(',')}]`;
}

/** JSON as it is; any other payload as a text in base64, whose content type then stands in `headwater`. */
function encodePayload(outbound: OutboundRecord, { contentType, payload }: DomainEvent): string {
  if (!isJson(contentType)) return JSON.stringify(Buffer.from(payload).toString('base64'));
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
    JSON.parse(text);
    return text;
  } catch (thrown) {
    throw unwritable(outbound, `the payload of record ${outbound.id} says that it is JSON and is not`, thrown);
  }
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType);
}

function encodeMapped(outbound: OutboundRecord, value: unknown): WebhookBody {
  if (value instanceof Uint8Array) return { bytes: value, contentType: 'application/octet-stream' };
  if (typeof value === 'string') return { bytes: Buffer.from(value), contentType: 'text/plain; charset=utf-8' };
  const text = stringify(outbound, value);
  return { bytes: Buffer.from(text), contentType: json };
}

function stringify(outbound: OutboundRecord, value: unknown): string {
  const what = `the lane's map returned for record ${outbound.id} a ${typeof value} that JSON cannot hold`;
  let text: string | undefined;
  try {
    // Undefined for a function or a symbol, whatever the declared type says.
    text = JSON.stringify(value);
  } catch (thrown) {
    throw unwritable(outbound, what, thrown);
  }
  if (text === undefined) throw unwritable(outbound, what, undefined);
  return text;
}

/** The cause of a parser quotes the payload, so its text is left out. */
function unwritable(outbound: OutboundRecord, message: string, thrown: unknown): HeadwaterError {
  const reason = thrown instanceof Error ? { reason: thrown.name } : {};
  return new HeadwaterError('HW-WEBHOOK-012', message, { details: { record: outbound.id, ...reason } });
}
