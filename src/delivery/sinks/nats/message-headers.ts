import { toInstant } from '../../../foundation/clock.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { transactionPlace } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';
import type { OutboundMessage } from './outbound-message.ts';

/** NATS messages version 1: `docs/reference/nats-messages.md`. */
export const natsMessagesVersion = '1';

/** Name and value, both as they go over the wire. */
export type HeaderLine = readonly [name: string, value: string];

/** What an event's own header may not be called: it would steer the server, or pass for one of ours. */
const reservedName = /^(?:headwater-.*|nats-.*|content-type|traceparent)$/i;
const ownHeaderPrefix = 'event-';

/** What a message says about its record, in a fixed order. Pure. */
export function describeRecord({ header, record }: OutboundRecord, message: OutboundMessage): HeaderLine[] {
  const lines: HeaderLine[] = [
    ['headwater-version', natsMessagesVersion],
    ['headwater-id', encodeHeaderValue(message.id)],
    ['headwater-op', record.kind],
    ['headwater-source', `${transactionPlace(header)}-${record.ordinal}`],
    ['headwater-sequence', String(header.sequence)],
    ['headwater-commit-time', commitTime(header)],
  ];
  const add = (name: string, value: string | null | undefined): void => {
    if (value !== undefined && value !== null) lines.push([name, encodeHeaderValue(value)]);
  };
  add('headwater-key', message.key);
  add('content-type', message.contentType);
  add('headwater-schema', message.table?.schemaName);
  add('headwater-table', message.table?.tableName);
  if (record.kind === 'event') addEvent(record.event, add);
  return lines;
}

function addEvent(event: DomainEvent, add: (name: string, value: string | undefined) => void): void {
  add('headwater-event-type', event.type);
  add('headwater-schema-version', String(event.schemaVersion));
  add('headwater-event-source', event.source);
  add('headwater-occurred-at', new Date(event.occurredAt).toISOString());
  add('headwater-key-version', event.keyVersion);
  add('headwater-tenant', event.tenant);
  add('traceparent', event.traceparent);
  add('headwater-correlation-id', event.correlationId);
  add('headwater-causation-id', event.causationId);
  for (const [name, value] of Object.entries(event.headers)) {
    const encoded = encodeHeaderName(name);
    add(reservedName.test(encoded) ? `${ownHeaderPrefix}${encoded}` : encoded, value);
  }
}

/**
 * A value that stays one line: control characters, `%` itself, and blanks at the ends, which NATS cuts off, become the
 * percent-encoded bytes of their UTF-8. Everything else stays as it is. `decodeURIComponent` reads it.
 */
export function encodeHeaderValue(value: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what must not pass
  return value.toWellFormed().replaceAll(/[%\u0000-\u001F\u007F-\u009F\u2028\u2029]|^\s+|\s+$/gu, encodeEach);
}

/** A name of printable ASCII without a colon, as NATS asks for; an empty one becomes `%`. */
export function encodeHeaderName(name: string): string {
  return name === '' ? '%' : name.toWellFormed().replaceAll(/[^!-$&-9;-~]/gu, encodeEach);
}

const encoder = new TextEncoder();

function encodeEach(text: string): string {
  return [...encoder.encode(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

const headText = 'NATS/1.0\r\n\r\n';

/** The bytes of these headers in a message. */
export function countHeaderBytes(lines: readonly HeaderLine[]): number {
  let count = headText.length;
  for (const [name, value] of lines) count += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
  return count;
}

const commitTimes = new WeakMap<TransactionHeader, string>();

/** Written once for all records of a transaction. */
function commitTime(header: TransactionHeader): string {
  let text = commitTimes.get(header);
  if (text === undefined) {
    text = formatMicros(header.commitTimeMicros);
    commitTimes.set(header, text);
  }
  return text;
}

/** RFC 3339 with microseconds, exactly as committed. */
function formatMicros(micros: bigint): string {
  const rest = micros % 1000n;
  const millis = new Date(toInstant(Number((micros - rest) / 1000n))).toISOString();
  return `${millis.slice(0, -1)}${rest.toString().padStart(3, '0')}Z`;
}
