import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { HeadwaterError } from '../../foundation/error.ts';
import type { EventContext } from '../emit/event-context.ts';
import { type EventSchema, formatIssuePath } from '../emit/event-schema.ts';
import { canonicalJson } from './canonical-json.ts';
import type { ReceivedMessage } from './received-message.ts';

/** What the handler of an inbox is given: the message with the payload that its schema made. */
export interface InboxMessage<Payload> {
  readonly id: string;
  readonly sender: string;
  readonly payload: Payload;
  readonly type: string | undefined;
  readonly key: string | null;
  readonly version: bigint | undefined;
  readonly sentAt: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** What events of this transaction take over by themselves; to be passed on where another transaction object is used. */
  readonly cause: EventContext;
  /** Rejects the message for good: its writes are rolled back and it is parked with this reason. @throws HW-INBOX-008 always */
  reject(reason: string): never;
}

/** A message whose fields are checked, its content not yet. */
export interface IdentifiedMessage {
  readonly received: ReceivedMessage;
  readonly id: string;
  readonly sender: string;
  readonly key: string | null;
  readonly version: bigint | undefined;
  readonly content: MessageContent;
  /** SHA-256 over type, key, version and content: the same id with another one is another message. */
  readonly fingerprint: Uint8Array;
}

/** The body as it is kept: `value` is canonical JSON of what was no bytes. */
export interface MessageContent {
  readonly form: 'bytes' | 'value';
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
const versionMax = 2n ** 63n - 1n;

/** Checks id, sender, key, version and the form of the body. Pure. @throws HW-INBOX-004 with the name of the field */
export function identifyMessage(received: ReceivedMessage): IdentifiedMessage {
  const { id, sender, key = null } = received;
  if (!isName(id)) throw unreadable('id', 'is no text of 1 to 255 characters');
  if (!isName(sender)) throw unreadable('sender', 'is no text of 1 to 255 characters');
  if (key !== null && !isName(key, 1024)) throw unreadable('key', 'is no text of 1 to 1,024 characters');
  const version = received.version === undefined ? undefined : readVersion(received.version);
  const content = readContent(received.body);
  const facts = JSON.stringify([received.type ?? null, key, version?.toString() ?? null, content.form]);
  const fingerprint = hash('sha256', Buffer.concat([Buffer.from(`${facts}\n`), content.bytes]), 'buffer');
  return { received, id, sender, key, version, content, fingerprint };
}

/** Characters are code points, as in the envelope of an event. */
function isName(text: unknown, lengthMax = 255): text is string {
  if (typeof text !== 'string' || text === '' || !text.isWellFormed() || text.includes('\0')) return false;
  return text.length <= lengthMax || (text.length <= 2 * lengthMax && Array.from(text).length <= lengthMax);
}

/** A whole number that PostgreSQL's bigint holds, not below 0. */
function readVersion(given: string | number | bigint): bigint {
  const isWhole =
    typeof given === 'string' ? /^\d{1,19}$/.test(given) : typeof given === 'bigint' || Number.isSafeInteger(given);
  const version = isWhole ? BigInt(given) : -1n;
  if (version < 0n || version > versionMax) throw unreadable('version', 'is no whole number from 0 to 2^63 - 1');
  return version;
}

function readContent(body: unknown): MessageContent {
  if (body instanceof Uint8Array) return { form: 'bytes', bytes: body };
  const text = canonicalJson(body);
  if (text === undefined) throw unreadable('body', 'is neither bytes nor a value that JSON can hold');
  return { form: 'value', bytes: encoder.encode(text) };
}

/**
 * The payload that the schema makes of the content. @throws HW-INBOX-005 with the paths of what does not fit, without values
 */
export async function readPayload(schema: EventSchema, message: IdentifiedMessage): Promise<unknown> {
  const result = await schema['~standard'].validate(decodeContent(message));
  if (result.issues === undefined) return result.value;
  const paths = [...new Set(result.issues.map(formatIssuePath))].slice(0, 20).join(', ');
  throw new HeadwaterError(
    'HW-INBOX-005',
    `the content of message "${message.id}" does not fit the schema at: ${paths}`,
    {
      details: { message: message.id, paths, issues: result.issues.length },
    },
  );
}

function decodeContent({ id, content, received }: IdentifiedMessage): unknown {
  const isJson =
    content.form === 'value' ||
    /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(received.contentType ?? 'application/json');
  if (!isJson) return content.bytes;
  const text = decodeText(content.bytes);
  if (text === undefined) throw noJson(id);
  try {
    return JSON.parse(text);
  } catch {
    // The error of the parser quotes the content.
    throw noJson(id);
  }
}

function noJson(id: string): HeadwaterError {
  return new HeadwaterError('HW-INBOX-005', `the content of message "${id}" says that it is JSON and is not`, {
    details: { message: id },
  });
}

const byteOrderMark = '\u{feff}';

/** As a strict `TextDecoder`, in a fraction of its time. Undefined for what is no UTF-8. */
function decodeText({ buffer, byteLength, byteOffset }: Uint8Array): string | undefined {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString();
  return text.startsWith(byteOrderMark) ? text.slice(1) : text;
}

/** What events of the handler take over. */
export function causeOfMessage({ id, received }: IdentifiedMessage): EventContext {
  return { correlationId: received.correlationId ?? id, causationId: id, traceparent: received.traceparent };
}

/** What the handler is given. */
export function toInboxMessage(message: IdentifiedMessage, payload: unknown): InboxMessage<unknown> {
  const { id, sender, key, version, received } = message;
  return {
    id,
    sender,
    payload,
    type: received.type,
    key,
    version,
    sentAt: received.sentAt,
    headers: received.headers ?? {},
    cause: causeOfMessage(message),
    reject(reason) {
      throw new HeadwaterError('HW-INBOX-008', `the handler rejected message "${id}": ${reason}`, {
        details: { message: id, reason },
      });
    },
  };
}

function unreadable(field: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-INBOX-004', `the field "${field}" of a message ${reason}`, { details: { field } });
}
