import { HeadwaterError } from '../../foundation/error.ts';
import type { ReceivedMessage } from '../inbox/received-message.ts';

/** Headers as texts by their names. */
export type TextHeaders = ReadonlyMap<string, string>;

const ownName = /^headwater-|^(?:content-type|traceparent)$|^nats-/i;

/**
 * The message that a sink of Headwater has sent, version 1 of its headers: `docs/reference/kafka-headers.md`, `nats-messages.md` and
 * `rabbitmq-messages.md`, which have them in common. Pure.
 * @throws HW-INBOX-004 for what Headwater has not sent, HW-INBOX-022 for a version that this release does not read
 */
export function readHeadwaterMessage(
  headers: TextHeaders,
  { body, key }: Pick<ReceivedMessage, 'body' | 'key'>,
): ReceivedMessage {
  const version = headers.get('headwater-version');
  if (version === undefined) throw foreign('headwater-version');
  if (version !== '1') {
    throw new HeadwaterError('HW-INBOX-022', `a message has headers of version "${version.slice(0, 20)}"`);
  }
  const id = headers.get('headwater-id');
  const source = headers.get('headwater-source');
  if (id === undefined) throw foreign('headwater-id');
  if (source === undefined) throw foreign('headwater-source');
  const keyVersion = headers.get('headwater-key-version');
  return {
    id,
    sender: readSender(headers, source),
    body,
    contentType: headers.get('content-type'),
    type: readType(headers),
    key: key ?? headers.get('headwater-key') ?? null,
    // A version that is no number orders nothing here.
    version: keyVersion !== undefined && /^\d{1,18}$/.test(keyVersion) ? keyVersion : undefined,
    sentAt: readInstant(headers.get('headwater-commit-time')),
    correlationId: headers.get('headwater-correlation-id'),
    causationId: headers.get('headwater-causation-id'),
    traceparent: headers.get('traceparent'),
    headers: Object.fromEntries([...headers].filter(([name]) => !ownName.test(name))),
  };
}

/**
 * Who made the id: an event's installation, with the tenant where it has one, so that no tenant's id hides another's; a change's database
 * cluster, which its id begins with.
 */
function readSender(headers: TextHeaders, source: string): string {
  const installation = headers.get('headwater-event-source');
  const tenant = headers.get('headwater-tenant');
  if (installation === undefined) return source.split('-', 1)[0] ?? source;
  return tenant === undefined ? installation : `${installation}/${encodeURIComponent(tenant)}`;
}

function readType(headers: TextHeaders): string | undefined {
  const type = headers.get('headwater-event-type');
  if (type !== undefined) return type;
  const operation = headers.get('headwater-op');
  const table = headers.get('headwater-table');
  return table === undefined ? operation : `${headers.get('headwater-schema') ?? ''}.${table}.${operation ?? ''}`;
}

function readInstant(text: string | undefined): number | undefined {
  const instant = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
}

function foreign(header: string): HeadwaterError {
  const message = `a message has no header "${header}"; give the consumer a read function for messages of others`;
  return new HeadwaterError('HW-INBOX-004', message, { details: { field: header } });
}
