import { toInstant } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { DomainEvent, EventOrigin } from './domain-event.ts';
import { type EventFields, parseEventFields } from './event-fields.ts';

/**
 * Event envelope version 1 as the content of a logical message: the head as one line of JSON, a line feed, the payload.
 * The head of compact JSON holds no line feed, so the first one ends it, and the payload is what follows, byte for byte.
 * `docs/reference/event-envelope.md` is the contract and says why it has this form.
 */
export const eventEnvelopeVersion = 1;

/** The prefix of the logical messages that carry events: `headwater:` and the version of the envelope. */
export const eventMessagePrefix = 'headwater:1';

/** No head is larger. The payload has no limit of the format; `emit` sets one. */
export const eventHeadBytesMax = 65_536;

/** What a logical message is, by its prefix. */
export type MessageKind = 'event' | 'foreign';

const lineFeed = 0x0a;
const reservedPrefix = /^headwater:\d+$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Tells an event of this version from other people's messages.
 * @throws HW-EMIT-021 for an event of another version.
 */
export function classifyMessage(prefix: string): MessageKind {
  if (prefix === eventMessagePrefix) return 'event';
  if (!reservedPrefix.test(prefix)) return 'foreign';
  throw new HeadwaterError(
    'HW-EMIT-021',
    `a message has the prefix "${prefix.slice(0, 40)}"; this release reads "${eventMessagePrefix}"`,
    {
      details: { prefix: prefix.slice(0, 40), supported: eventMessagePrefix },
    },
  );
}

/**
 * The content of the logical message of an event.
 * @throws HW-EMIT-011 when a field breaks the envelope's limits, HW-EMIT-010 when the head is too large.
 */
export function encodeEventEnvelope(event: DomainEvent): Uint8Array {
  const head = encoder.encode(JSON.stringify(assertEventFields(event)));
  if (head.length > eventHeadBytesMax) {
    throw new HeadwaterError(
      'HW-EMIT-010',
      `the head of the event has ${head.length} bytes, the limit is ${eventHeadBytesMax}`,
      {
        details: { headBytes: head.length, limitBytes: eventHeadBytesMax },
        hint: 'Shorten the headers: what belongs to the event itself belongs into its payload.',
      },
    );
  }
  const bytes = new Uint8Array(head.length + 1 + event.payload.length);
  bytes.set(head, 0);
  bytes[head.length] = lineFeed;
  bytes.set(event.payload, head.length + 1);
  return bytes;
}

/**
 * The fields of an event in the order of the reference, absent ones left out.
 * @throws HW-EMIT-011 with the path of the first field that breaks the envelope's limits.
 */
export function assertEventFields(event: DomainEvent): EventFields {
  const parsed = parseEventFields(toEventFields(event));
  if (parsed.kind === 'fields') return parsed.fields;
  const { path, reason } = parsed.fault;
  throw new HeadwaterError('HW-EMIT-011', `${path} of the event ${reason}`, { details: { path } });
}

/**
 * Reads the content of a logical message with the prefix `headwater:1`. The payload is a view of `bytes`, not a copy.
 * @throws HW-EMIT-020 for bytes that do not follow the envelope.
 */
export function decodeEventEnvelope(bytes: Uint8Array, origin: EventOrigin): DomainEvent {
  const headLength = bytes.subarray(0, eventHeadBytesMax + 1).indexOf(lineFeed);
  if (headLength === -1)
    throw noEnvelope(`no line feed in the first ${Math.min(bytes.length, eventHeadBytesMax + 1)} bytes`);
  const parsed = parseEventFields(parseHead(bytes.subarray(0, headLength)));
  if (parsed.kind === 'fault') throw noEnvelope(`${parsed.fault.path || 'the head'} ${parsed.fault.reason}`);
  return toDomainEvent(parsed.fields, bytes.subarray(headLength + 1), origin);
}

/** Joins checked fields with the payload. */
export function toDomainEvent(fields: EventFields, payload: Uint8Array, origin: EventOrigin): DomainEvent {
  return { ...fields, occurredAt: toInstant(Date.parse(fields.occurredAt)), payload, origin };
}

function toEventFields(event: DomainEvent): unknown {
  return {
    id: event.id,
    type: event.type,
    schemaVersion: event.schemaVersion,
    key: event.key,
    ...(event.keyVersion === undefined ? {} : { keyVersion: event.keyVersion }),
    ...(event.tenant === undefined ? {} : { tenant: event.tenant }),
    source: event.source,
    occurredAt: formatInstant(event.occurredAt),
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
    ...(event.correlationId === undefined ? {} : { correlationId: event.correlationId }),
    ...(event.causationId === undefined ? {} : { causationId: event.causationId }),
    headers: event.headers,
    contentType: event.contentType,
  };
}

/** Undefined for a number that is no time: the check of the fields then names it. */
function formatInstant(milliseconds: number): string | undefined {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function parseHead(head: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(head));
  } catch (error) {
    // The parser's own message quotes the text, which may hold what no log should.
    const reason = error instanceof TypeError ? 'is not UTF-8' : 'is not JSON';
    throw noEnvelope(`the head of ${head.length} bytes ${reason}`);
  }
}

function noEnvelope(reason: string): HeadwaterError {
  return new HeadwaterError('HW-EMIT-020', `a message with the prefix "${eventMessagePrefix}" is no event: ${reason}`);
}
