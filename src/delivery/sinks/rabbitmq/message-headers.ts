import { toInstant } from '../../../foundation/clock.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { transactionPlace } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';

/** RabbitMQ messages version 1: `docs/reference/rabbitmq-messages.md`. */
export const rabbitmqMessagesVersion = '1';

/** Names and values, all of them texts. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** What a message says beside its record. */
export interface MessageFacts {
  readonly id: string;
  readonly key: string | null;
  readonly table: TableSchema | undefined;
  /** `<installation>/<lane>` */
  readonly owner: string;
}

/** What an event's own header may not be called: it would steer the broker, or pass for one of ours. */
const reservedName = /^(?:headwater-.*|x-.*|cc|bcc|traceparent)$/i;

/** How a message names its lane. */
export function encodeOwner(installation: string, laneName: string): string {
  return [installation, laneName].map((name) => encodeURIComponent(name.toWellFormed())).join('/');
}

/** What a message says about its record, in a fixed order; what has no value is absent. Pure. */
export function describeRecord({ header, record }: OutboundRecord, facts: MessageFacts): MessageHeaders {
  const headers: Record<string, string> = {
    'headwater-version': rabbitmqMessagesVersion,
    'headwater-id': facts.id.toWellFormed(),
    'headwater-op': record.kind,
    'headwater-source': `${transactionPlace(header)}-${record.ordinal}`,
    ...describeCommit(header),
    'headwater-lane': facts.owner,
  };
  if (facts.key !== null) headers['headwater-key'] = facts.key.toWellFormed();
  if (facts.table !== undefined) {
    headers['headwater-schema'] = facts.table.schemaName.toWellFormed();
    headers['headwater-table'] = facts.table.tableName.toWellFormed();
  }
  if (record.kind === 'event') describeEvent(record.event, headers);
  return headers;
}

function describeEvent(event: DomainEvent, headers: Record<string, string>): void {
  const values: Readonly<Record<string, string | undefined>> = {
    'headwater-event-type': event.type,
    'headwater-schema-version': String(event.schemaVersion),
    'headwater-event-source': event.source,
    'headwater-occurred-at': new Date(event.occurredAt).toISOString(),
    'headwater-key-version': event.keyVersion,
    'headwater-tenant': event.tenant,
    traceparent: event.traceparent,
    'headwater-correlation-id': event.correlationId,
    'headwater-causation-id': event.causationId,
  };
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) headers[name] = value.toWellFormed();
  }
  for (const [name, value] of Object.entries(event.headers)) {
    headers[reservedName.test(name) ? `event-${name}` : name] = value.toWellFormed();
  }
}

const commits = new WeakMap<TransactionHeader, MessageHeaders>();

/** Written once for all records of a transaction. */
function describeCommit(header: TransactionHeader): MessageHeaders {
  let headers = commits.get(header);
  if (headers === undefined) {
    headers = {
      'headwater-sequence': String(header.sequence),
      'headwater-commit-time': formatMicros(header.commitTimeMicros),
    };
    commits.set(header, headers);
  }
  return headers;
}

/** RFC 3339 with microseconds, exactly as committed. */
function formatMicros(micros: bigint): string {
  const rest = micros % 1000n;
  const millis = new Date(toInstant(Number((micros - rest) / 1000n))).toISOString();
  return millis.replace('Z', `${rest.toString().padStart(3, '0')}Z`);
}
