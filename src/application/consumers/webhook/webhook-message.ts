import { HeadwaterError } from '../../../foundation/error.ts';
import type { ReceivedMessage } from '../../inbox/received-message.ts';

/**
 * The message in the body of Headwater's webhook sink, version 1 (`docs/reference/webhook-request.md`); of any other sender, the member
 * `data` of Standard Webhooks, or the whole body where it has none. Pure.
 * @throws HW-INBOX-004 for a body that is no JSON object, HW-INBOX-022 for a version that this release does not read
 */
export function readWebhookMessage(id: string, body: Uint8Array, defaultSender: string): ReceivedMessage {
  const given = parse(body);
  const content = 'data' in given ? given['data'] : given;
  const type = textOf(given['type']);
  const sentAt = readInstant(given['timestamp']);
  const about = given['headwater'];
  if (!isRecord(about)) return { id, sender: defaultSender, body: content, type, sentAt };
  if (about['version'] !== 1) {
    throw new HeadwaterError('HW-INBOX-022', 'the body of a webhook has a version that is not 1');
  }
  const source = textOf(about['source']);
  const tenant = textOf(about['tenant']);
  const contentType = textOf(about['contentType']);
  const keyVersion = textOf(about['keyVersion']);
  return {
    id,
    sender:
      source === undefined ? defaultSender : tenant === undefined ? source : `${source}/${encodeURIComponent(tenant)}`,
    body: contentType !== undefined && typeof content === 'string' ? Buffer.from(content, 'base64') : content,
    contentType,
    type,
    sentAt,
    key: textOf(about['key']) ?? null,
    version: keyVersion !== undefined && /^\d{1,18}$/.test(keyVersion) ? keyVersion : undefined,
    correlationId: textOf(about['correlationId']),
    causationId: textOf(about['causationId']),
    traceparent: textOf(about['traceparent']),
    headers: readTexts(about['headers']),
  };
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // The error of the parser quotes the body.
    throw unreadable();
  }
  if (!isRecord(given)) throw unreadable();
  return given;
}

function unreadable(): HeadwaterError {
  const message = 'the body of a webhook is no JSON object; give the receiver a read function for others';
  return new HeadwaterError('HW-INBOX-004', message, { details: { field: 'body' } });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function readInstant(value: unknown): number | undefined {
  const instant = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(instant) ? undefined : instant;
}

function readTexts(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
