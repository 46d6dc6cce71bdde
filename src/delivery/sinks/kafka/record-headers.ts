import { toInstant } from '../../../foundation/clock.ts';
import type { DomainEvent } from '../../../model/domain-event.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { TransactionHeader } from '../../../model/transaction.ts';
import { transactionPlace } from '../../outbound-record.ts';
import { encodeHeaderName, encodeHeaders, type EncodedHeaders, type Header, type HeaderName } from './record-batch.ts';

/** Kafka headers version 1: `docs/reference/kafka-headers.md`. */
export const kafkaHeadersVersion = '1';

const names = {
  version: encodeHeaderName('headwater-version'),
  id: encodeHeaderName('headwater-id'),
  operation: encodeHeaderName('headwater-op'),
  source: encodeHeaderName('headwater-source'),
  sequence: encodeHeaderName('headwater-sequence'),
  commitTime: encodeHeaderName('headwater-commit-time'),
  schema: encodeHeaderName('headwater-schema'),
  table: encodeHeaderName('headwater-table'),
  eventType: encodeHeaderName('headwater-event-type'),
  schemaVersion: encodeHeaderName('headwater-schema-version'),
  eventSource: encodeHeaderName('headwater-event-source'),
  occurredAt: encodeHeaderName('headwater-occurred-at'),
  keyVersion: encodeHeaderName('headwater-key-version'),
  tenant: encodeHeaderName('headwater-tenant'),
  correlationId: encodeHeaderName('headwater-correlation-id'),
  causationId: encodeHeaderName('headwater-causation-id'),
  contentType: encodeHeaderName('content-type'),
  traceparent: encodeHeaderName('traceparent'),
} as const;

/** What stands in front of an event's own header whose name is one of ours. */
const ownHeaderPrefix = 'event-';

/** The headers of one record, those that others share apart. */
export interface RecordHeaders {
  readonly sharedHeaders: readonly EncodedHeaders[];
  readonly headers: readonly Header[];
}

/** What the headers of a record are made of. */
export interface HeaderFacts {
  /** The record's id, or one that is made from it. */
  readonly id: string;
  readonly operation: JournalRecord['kind'];
  /** Undefined for a tombstone, and for values whose type the event itself names. */
  readonly contentType: string | undefined;
  readonly record: JournalRecord;
  readonly table: TableSchema | undefined;
  readonly header: TransactionHeader;
  /** The user's, behind all others. An event's own header of the same name gives way to them. Default none. */
  readonly ownHeaders?: readonly (readonly [name: string, value: string])[];
}

/** Whether a header's name is one of Headwater's, whatever its case. */
export function isReservedHeader(name: string): boolean {
  return /^(?:headwater-.*|content-type|traceparent)$/i.test(name);
}

/**
 * Makes the headers of records, in a fixed order. What all records of a transaction, or all of one operation on one table,
 * have in common is encoded once.
 */
export class HeaderWriter {
  #transaction: TransactionHeader | undefined;
  #transactionHeaders: EncodedHeaders = { count: 0, bytes: new Uint8Array() };
  #sourcePrefix = '';
  #lastOfTable: (Pick<HeaderFacts, 'operation' | 'contentType' | 'table'> & { headers: EncodedHeaders }) | undefined;
  readonly #tables = new WeakMap<TableSchema, Map<string, EncodedHeaders>>();
  readonly #eventNames = new Map<string, HeaderName>();

  write(facts: HeaderFacts): RecordHeaders {
    if (this.#transaction !== facts.header) this.#begin(facts.header);
    const { record } = facts;
    const headers: Header[] = [
      { name: names.id, value: facts.id },
      { name: names.source, value: `${this.#sourcePrefix}${record.ordinal}` },
    ];
    const ownHeaders = facts.ownHeaders ?? [];
    if (facts.table !== undefined) {
      for (const [name, value] of ownHeaders) headers.push({ name: this.#nameOf(name), value });
      return { sharedHeaders: [this.#transactionHeaders, this.#ofTable(facts.table, facts)], headers };
    }
    headers.push({ name: names.operation, value: facts.operation });
    if (facts.contentType !== undefined) headers.push({ name: names.contentType, value: facts.contentType });
    if (record.kind === 'event') this.#addEvent(record.event, headers, new Set(ownHeaders.map(([name]) => name)));
    for (const [name, value] of ownHeaders) headers.push({ name: this.#nameOf(name), value });
    return { sharedHeaders: [this.#transactionHeaders], headers };
  }

  #begin(header: TransactionHeader): void {
    this.#transaction = header;
    this.#sourcePrefix = `${transactionPlace(header)}-`;
    this.#transactionHeaders = encodeHeaders([
      { name: names.version, value: kafkaHeadersVersion },
      { name: names.sequence, value: String(header.sequence) },
      { name: names.commitTime, value: formatMicros(header.commitTimeMicros) },
    ]);
  }

  #ofTable(table: TableSchema, facts: HeaderFacts): EncodedHeaders {
    const last = this.#lastOfTable;
    // A change is mostly like the one before it.
    if (last?.table === table && last.operation === facts.operation && last.contentType === facts.contentType) {
      return last.headers;
    }
    const headers = this.#findOfTable(table, facts);
    this.#lastOfTable = { table, operation: facts.operation, contentType: facts.contentType, headers };
    return headers;
  }

  #findOfTable(table: TableSchema, facts: HeaderFacts): EncodedHeaders {
    let variants = this.#tables.get(table);
    if (variants === undefined) this.#tables.set(table, (variants = new Map<string, EncodedHeaders>()));
    const variant = `${facts.operation} ${facts.contentType ?? ''}`;
    let headers = variants.get(variant);
    if (headers === undefined) {
      headers = encodeHeaders([
        { name: names.operation, value: facts.operation },
        ...(facts.contentType === undefined ? [] : [{ name: names.contentType, value: facts.contentType }]),
        { name: names.schema, value: table.schemaName },
        { name: names.table, value: table.tableName },
      ]);
      variants.set(variant, headers);
    }
    return headers;
  }

  #addEvent(event: DomainEvent, headers: Header[], replaced: ReadonlySet<string>): void {
    headers.push(
      { name: names.eventType, value: event.type },
      { name: names.schemaVersion, value: String(event.schemaVersion) },
      { name: names.eventSource, value: event.source },
      { name: names.occurredAt, value: new Date(event.occurredAt).toISOString() },
    );
    const add = (name: HeaderName, value: string | undefined): void => {
      if (value !== undefined) headers.push({ name, value });
    };
    add(names.keyVersion, event.keyVersion);
    add(names.tenant, event.tenant);
    add(names.traceparent, event.traceparent);
    add(names.correlationId, event.correlationId);
    add(names.causationId, event.causationId);
    for (const [name, value] of Object.entries(event.headers)) {
      if (!replaced.has(name)) headers.push({ name: this.#nameOf(name), value });
    }
  }

  /** An event's own header keeps its name unless it would pass for one of ours. */
  #nameOf(name: string): HeaderName {
    let encoded = this.#eventNames.get(name);
    if (encoded === undefined) {
      encoded = encodeHeaderName(isReservedHeader(name) ? `${ownHeaderPrefix}${name}` : name);
      // Names come from applications; a few thousand are plenty, and more must not fill the memory.
      if (this.#eventNames.size >= eventNamesMax) this.#eventNames.clear();
      this.#eventNames.set(name, encoded);
    }
    return encoded;
  }
}

const eventNamesMax = 4096;

/** RFC 3339 with microseconds, exactly as committed. */
function formatMicros(micros: bigint): string {
  const rest = micros % 1000n;
  const millis = toInstant(Number((micros - rest) / 1000n));
  return `${new Date(millis).toISOString().slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}
