import type { Instant } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { DomainEvent } from './domain-event.ts';
import { eventEnvelopeVersion, toDomainEvent } from './event-envelope.ts';
import { parseEventFields } from './event-fields.ts';
import { type ColumnValue, columnValue, type Row, unchanged } from './row.ts';
import type { TableSchema } from './table-schema.ts';
import { parseTimestampText } from './timestamp-text.ts';

const encoder = new TextEncoder();

/** Fields of the envelope, except payload, with their column in the outbox table. */
const optionalColumns = {
  keyVersion: 'key_version',
  tenant: 'tenant',
  traceparent: 'traceparent',
  correlationId: 'correlation_id',
  causationId: 'causation_id',
} as const;

/**
 * The event of a row inserted into Headwater's outbox table. `row` holds values as PostgreSQL writes them with bytea_output
 * hex and DateStyle ISO.
 * @throws HW-EMIT-021 for a row of another envelope version, HW-EMIT-022 for a row that is no event.
 */
export function eventFromOutboxRow(table: TableSchema, row: Row): DomainEvent {
  const version = requireText(table, row, 'envelope_version');
  if (version !== String(eventEnvelopeVersion)) {
    const message = `a row of ${nameOf(table)} has envelope version ${version.slice(0, 20)}; this release reads ${eventEnvelopeVersion}`;
    throw new HeadwaterError('HW-EMIT-021', message, { details: { supported: eventEnvelopeVersion } });
  }
  const parsed = parseEventFields({
    id: requireText(table, row, 'id'),
    type: requireText(table, row, 'type'),
    schemaVersion: Number(requireText(table, row, 'schema_version')),
    key: readText(table, row, 'key'),
    source: requireText(table, row, 'source'),
    occurredAt: formatOccurredAt(table, requireInstant(table, row, 'occurred_at')),
    headers: parseHeaders(table, requireText(table, row, 'headers')),
    contentType: requireText(table, row, 'content_type'),
    ...readOptionalFields(table, row),
  });
  if (parsed.kind === 'fault') throw noEvent(table, `${parsed.fault.path} ${parsed.fault.reason}`);
  return toDomainEvent(parsed.fields, parseHexBytes(table, requireText(table, row, 'payload')), 'outbox');
}

/** What an adopted outbox table cannot say itself. */
export interface AdoptedOutboxContext {
  /** Name of the installation that reads the table. */
  readonly source: string;
  /** When the row's transaction committed: the event's time if `created_at` is NULL. */
  readonly committedAt?: Instant;
}

/**
 * The event of a row inserted into a table of the form (id, event_type, payload, created_at, published). No key, so no order
 * is promised; the payload is the text of the column, as PostgreSQL writes it.
 * @throws HW-EMIT-022 for a row that is no event.
 */
export function eventFromAdoptedOutboxRow(table: TableSchema, row: Row, context: AdoptedOutboxContext): DomainEvent {
  const createdAt = readText(table, row, 'created_at');
  const occurredAt = createdAt === null ? context.committedAt : requireInstant(table, row, 'created_at');
  if (occurredAt === undefined) throw noEvent(table, 'created_at is NULL');
  return {
    id: requireText(table, row, 'id'),
    type: requireText(table, row, 'event_type'),
    schemaVersion: 1,
    key: null,
    source: context.source,
    occurredAt,
    contentType: 'application/json',
    payload: encoder.encode(requireText(table, row, 'payload')),
    headers: {},
    origin: 'adopted-outbox',
  };
}

function readOptionalFields(table: TableSchema, row: Row): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const [field, column] of Object.entries(optionalColumns)) {
    const value = readText(table, row, column);
    if (value !== null) fields[field] = value;
  }
  return fields;
}

function readText(table: TableSchema, row: Row, columnName: string): string | null {
  const value: ColumnValue | undefined = columnValue(table, row, columnName);
  if (value === undefined) throw noEvent(table, `there is no column ${columnName}`);
  if (value === unchanged) throw noEvent(table, `${columnName} was not sent`);
  return value;
}

function requireText(table: TableSchema, row: Row, columnName: string): string {
  const value = readText(table, row, columnName);
  if (value === null) throw noEvent(table, `${columnName} is NULL`);
  return value;
}

function requireInstant(table: TableSchema, row: Row, columnName: string): Instant {
  const instant = parseTimestampText(requireText(table, row, columnName));
  if (instant === undefined) throw noEvent(table, `${columnName} is no time after Christ and before infinity`);
  return instant;
}

/** The envelope knows years of four digits only. */
function formatOccurredAt(table: TableSchema, instant: Instant): string {
  const text = new Date(instant).toISOString();
  if (text.length !== 24) throw noEvent(table, 'occurred_at lies after the year 9999');
  return text;
}

function parseHeaders(table: TableSchema, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw noEvent(table, 'headers is not JSON');
  }
}

/** `bytea` in PostgreSQL's hex form: https://www.postgresql.org/docs/current/datatype-binary.html */
function parseHexBytes(table: TableSchema, text: string): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, text.length - 2) >> 1);
  let isHex = text.startsWith('\\x') && text.length % 2 === 0;
  for (let index = 0; index < bytes.length && isHex; index += 1) {
    const high = readHexDigit(text, 2 * index + 2);
    const low = readHexDigit(text, 2 * index + 3);
    isHex = high >= 0 && low >= 0;
    bytes[index] = (high << 4) | low;
  }
  if (!isHex) throw noEvent(table, 'payload is not in the hex form of bytea');
  return bytes;
}

/** -1 for any other character. */
function readHexDigit(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}

function nameOf(table: TableSchema): string {
  return `${table.schemaName}.${table.tableName}`;
}

function noEvent(table: TableSchema, reason: string): HeadwaterError {
  return new HeadwaterError('HW-EMIT-022', `a row of ${nameOf(table)} is no event: ${reason}`, {
    details: { table: nameOf(table) },
  });
}
