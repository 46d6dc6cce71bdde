import { HeadwaterError } from '../../../foundation/error.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import type { TruncateChange } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { encodeRowChange, encodeTruncate } from '../../change-json.ts';
import type { OutboundRecord } from '../../sink.ts';
import type { Field } from './key-operation.ts';
import { encodeJson } from './mapped-content.ts';

/** An entry that a record becomes. */
export interface StreamEntry {
  readonly stream: string;
  readonly fields: readonly Field[];
  readonly outbound: OutboundRecord;
}

const json = 'application/json';
const defaultEventStream = 'events';
/** A command in a script of Redis takes some 8,000 words. */
const fieldCountMax = 1000;

/**
 * What a record becomes: one entry, and for a TRUNCATE one in the stream of each table, since an id takes one entry in a
 * stream. `stream` is where everything goes that the lane's route does not place. Pure.
 * @throws HW-REDIS-011 for a stream without a name, HW-REDIS-012 for what the lane's map returned and for too
 * many headers.
 */
export function planStreamEntries(outbound: OutboundRecord, stream: string | undefined): readonly StreamEntry[] {
  const { header, record } = outbound;
  const place = (name: string): string => nameStream(outbound, stream, name);
  const entry = (name: string, own: readonly Field[]): StreamEntry => {
    const fields = [...recordFields(outbound), ...own, ...commitFields(header)];
    if (fields.length <= fieldCountMax) return { stream: place(name), fields, outbound };
    const message = `record ${outbound.id} would have ${fields.length} fields, an entry takes ${fieldCountMax}`;
    throw new HeadwaterError('HW-REDIS-012', message, { details: { record: outbound.id } });
  };
  if (record.kind === 'event') {
    const fields = [...eventFacts(record.event), ...(mappedFields(outbound) ?? eventValue(record.event))];
    return [entry(defaultEventStream, fields)];
  }
  if (record.kind !== 'truncate') {
    const value = mappedFields(outbound) ?? valueFields(json, encodeRowChange(record));
    return [entry(nameOf(record.table), [...tableFields(record.table), ...value])];
  }
  const byStream = Map.groupBy(record.tables, (table) => place(nameOf(table)));
  return Array.from(byStream.values(), (tables) => {
    const [first] = tables;
    const fields = mappedFields(outbound) ?? valueFields(json, encodeTruncates(record, tables));
    return entry(first === undefined ? '' : nameOf(first), [
      ...(first !== undefined && tables.length === 1 ? tableFields(first) : []),
      ...fields,
    ]);
  });
}

/** An event's facts and its payload, for a hash that holds the latest one. */
export function eventFields(event: DomainEvent): readonly Field[] {
  const key: readonly Field[] = event.key === null ? [] : [{ name: 'key', value: event.key }];
  return [{ name: 'id', value: event.id }, ...key, ...eventFacts(event), ...eventValue(event)];
}

function recordFields({ id, key, record }: OutboundRecord): readonly Field[] {
  const fields: Field[] = [
    { name: 'id', value: id },
    { name: 'op', value: record.kind },
  ];
  if (key !== null) fields.push({ name: 'key', value: key });
  return fields;
}

function commitFields({ commitTimeMicros, sequence }: TransactionHeader): readonly Field[] {
  return [
    { name: 'sequence', value: String(sequence) },
    { name: 'commit-time', value: formatMicros(commitTimeMicros) },
  ];
}

function tableFields({ schemaName, tableName }: TableSchema): readonly Field[] {
  return [
    { name: 'schema', value: schemaName },
    { name: 'table', value: tableName },
  ];
}

function eventFacts(event: DomainEvent): readonly Field[] {
  const optional: Readonly<Record<string, string | undefined>> = {
    'key-version': event.keyVersion,
    tenant: event.tenant,
    traceparent: event.traceparent,
    'correlation-id': event.correlationId,
    'causation-id': event.causationId,
  };
  return [
    { name: 'event-type', value: event.type },
    { name: 'schema-version', value: String(event.schemaVersion) },
    { name: 'event-source', value: event.source },
    { name: 'occurred-at', value: new Date(event.occurredAt).toISOString() },
    ...Object.entries(optional).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
    // In front of them, so that a header of the application never passes for a field of ours.
    ...Object.entries(event.headers).map(([name, value]) => ({ name: `header:${name}`, value })),
  ];
}

function eventValue({ contentType, payload }: DomainEvent): readonly Field[] {
  return valueFields(contentType, payload);
}

function valueFields(contentType: string, value: string | Uint8Array): readonly Field[] {
  return [
    { name: 'content-type', value: contentType },
    { name: 'value', value },
  ];
}

/** Undefined without a map. A mapped null is an entry without a value. */
function mappedFields(outbound: OutboundRecord): readonly Field[] | undefined {
  const { value } = outbound;
  if (value === undefined) return undefined;
  if (value === null) return [];
  if (value instanceof Uint8Array) return valueFields('application/octet-stream', value);
  if (typeof value === 'string') return valueFields('text/plain; charset=utf-8', value);
  return valueFields(json, encodeJson(outbound));
}

function encodeTruncates(change: TruncateChange, tables: readonly TableSchema[]): string {
  const texts = tables.map((table) => encodeTruncate(change, table));
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(',')}]`;
}

function nameStream(outbound: OutboundRecord, stream: string | undefined, name: string): string {
  const chosen = outbound.destination ?? stream ?? name;
  if (chosen !== '') return chosen;
  const message = `record ${outbound.id}: its route names no stream`;
  throw new HeadwaterError('HW-REDIS-011', message, { details: { record: outbound.id } });
}

function nameOf({ schemaName, tableName }: TableSchema): string {
  return `${schemaName}.${tableName}`;
}

/** RFC 3339 with microseconds, exactly as committed. */
function formatMicros(micros: bigint): string {
  const millis = new Date(Number(micros / 1000n)).toISOString();
  return millis.replace('Z', `${String(micros % 1000n).padStart(3, '0')}Z`);
}
