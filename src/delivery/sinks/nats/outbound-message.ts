import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { encodeRowChange, encodeTruncate } from '../../change-json.ts';
import { tableKeyPrefix } from '../../outbound-record.ts';
import type { OutboundRecord } from '../../sink.ts';
import type { NatsSubject } from './nats-options.ts';
import { encodeDottedName, encodeSubjectToken, isPublishSubject } from './subject.ts';

/** What a record becomes in a stream. */
export interface OutboundMessage {
  readonly subject: string;
  /** Stable over every delivery. */
  readonly id: string;
  readonly key: string | null;
  readonly payload: Uint8Array;
  /** Undefined for an empty payload that stands for null. */
  readonly contentType: string | undefined;
  readonly table: TableSchema | undefined;
}

/** How the sink names subjects. */
export interface SubjectOptions {
  readonly subject?: NatsSubject;
  readonly subjectPrefix: string;
}

type Content = Pick<OutboundMessage, 'payload' | 'contentType'>;

const json = 'application/json';
const encoder = new TextEncoder();

/**
 * What a record becomes, in order: one message, and for a TRUNCATE of several tables one for each of them. An UPDATE that
 * changes its key stays one message, because a stream is one sequence: nothing of the old key can come behind it. Pure.
 * @throws HW-NATS-019 for a mapped value that cannot be written, HW-NATS-020 for an invalid subject.
 */
export function toOutboundMessages(outbound: OutboundRecord, options: SubjectOptions): readonly OutboundMessage[] {
  const { id, record } = outbound;
  const message = (table: TableSchema | undefined, content: Content, messageId = id): OutboundMessage => ({
    subject: chooseSubject(outbound, options, table),
    id: messageId,
    key: toMessageKey(outbound.key, table),
    table,
    ...content,
  });
  if (outbound.value !== undefined) return [message(tableOf(record), encodeMapped(outbound))];
  if (record.kind === 'event') {
    const { contentType, payload } = record.event;
    return [message(undefined, { payload, contentType })];
  }
  if (record.kind === 'truncate') {
    const { tables } = record;
    return tables.map((table, index) =>
      message(table, jsonContent(encodeTruncate(record, table)), tables.length === 1 ? id : `${id}/${index}`),
    );
  }
  return [message(record.table, jsonContent(encodeRowChange(record)))];
}

function jsonContent(text: string): Content {
  return { payload: encoder.encode(text), contentType: json };
}

function tableOf(record: JournalRecord): TableSchema | undefined {
  if (record.kind === 'event') return undefined;
  return record.kind === 'truncate' ? record.tables[0] : record.table;
}

function encodeMapped(outbound: OutboundRecord): Content {
  const { value } = outbound;
  if (value === null) return { payload: new Uint8Array(), contentType: undefined };
  if (value instanceof Uint8Array) return { payload: value, contentType: 'application/octet-stream' };
  if (typeof value === 'string') return { payload: encoder.encode(value), contentType: 'text/plain; charset=utf-8' };
  let cause: unknown;
  try {
    // Undefined for a function or a symbol, whatever the declared type says.
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return jsonContent(text);
  } catch (thrown) {
    cause = thrown;
  }
  throw new HeadwaterError(
    'HW-NATS-019',
    `the lane's map returned for record ${outbound.id} a ${typeof value} that JSON cannot hold`,
    { details: { recordId: outbound.id }, cause },
  );
}

/** The lane's default key names the table in front of the values of its key; the message names it in other headers. */
function toMessageKey(key: string | null, table: TableSchema | undefined): string | null {
  if (key === null || table === undefined) return key;
  const prefix = tableKeyPrefix(table);
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

function chooseSubject(outbound: OutboundRecord, options: SubjectOptions, table: TableSchema | undefined): string {
  const name = outbound.destination ?? nameSubject(outbound, options, table);
  if (typeof name === 'string' && isPublishSubject(name)) return name;
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 100)) : `a ${typeof name}`;
  throw new HeadwaterError('HW-NATS-020', `record ${outbound.id} has no valid subject: ${shown}`, {
    details: { recordId: outbound.id },
  });
}

function nameSubject(
  { header, record }: OutboundRecord,
  { subject, subjectPrefix }: SubjectOptions,
  table: TableSchema | undefined,
): string {
  if (typeof subject === 'string') return subject;
  if (subject !== undefined) return subject(record, header);
  if (table !== undefined) {
    const { schemaName, tableName } = table;
    return `${subjectPrefix}.change.${encodeSubjectToken(schemaName)}.${encodeSubjectToken(tableName)}`;
  }
  return `${subjectPrefix}.event.${record.kind === 'event' ? encodeDottedName(record.event.type) : record.kind}`;
}
