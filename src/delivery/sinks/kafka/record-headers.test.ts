import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, Reader, readRecordsBatch } from '@platformatic/kafka';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { toOutboundMessages } from './outbound-message.ts';
import { RecordBatchBuilder } from './record-batch.ts';
import { HeaderWriter } from './record-headers.ts';
import { sampleEvent, sampleInsert, sampleOutbound } from './testing/sample-records.ts';

/** The headers of a record's first message, as a consumer reads them. */
function headersOf(record: JournalRecord, writer = new HeaderWriter(), map?: () => unknown): string[] {
  const outbound = sampleOutbound(record, { functions: { map } });
  const [message] = toOutboundMessages(outbound, { topic: 'topic' });
  assert.ok(message !== undefined);
  const builder = new RecordBatchBuilder(0);
  const { contentType, id, operation, table } = message;
  const headers = writer.write({ id, operation, contentType, table, record: outbound.record, header: outbound.header });
  builder.append({ key: null, value: null, ...headers });
  const producer = { producerId: 0n, producerEpoch: 0, firstSequence: 0, timestampMs: 0n };
  const batch = builder.encode(producer, (bytes) => crc32c(Buffer.from(bytes)));
  const [read] = readRecordsBatch(Reader.from(Buffer.from(batch))).records;
  return (read?.headers ?? []).map(([name, value]) => `${String(name)}: ${String(value)}`);
}

const transaction = [
  'headwater-version: 1',
  'headwater-sequence: 1',
  'headwater-commit-time: 2027-01-15T08:00:01.123456Z',
];

// These lists are the contract of docs/reference/kafka-headers.md. A change is a new version.
test('a change has the headers of version 1', () => {
  assert.deepEqual(headersOf(sampleInsert(['1', '2', '3'])), [
    ...transaction,
    'headwater-op: insert',
    'content-type: application/json',
    'headwater-schema: public',
    'headwater-table: orders',
    'headwater-id: 7385000000000000001-1-1/130-0',
    'headwater-source: 7385000000000000001-1-1/130-0',
  ]);
});

test('an event has the headers of version 1', () => {
  const event = sampleEvent({
    keyVersion: '7',
    tenant: 'acme',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    correlationId: 'corr-1',
    causationId: 'cause-1',
    headers: { 'x-origin': 'web' },
  });
  assert.deepEqual(headersOf(event), [
    ...transaction,
    'headwater-id: 01920000-0000-7000-8000-000000000001',
    'headwater-source: 7385000000000000001-1-1/130-0',
    'headwater-op: event',
    'content-type: application/json',
    'headwater-event-type: order.placed',
    'headwater-schema-version: 1',
    'headwater-event-source: shop',
    'headwater-occurred-at: 2027-01-15T08:00:00.000Z',
    'headwater-key-version: 7',
    'headwater-tenant: acme',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'headwater-correlation-id: corr-1',
    'headwater-causation-id: cause-1',
    'x-origin: web',
  ]);
});

test('optional headers are absent, never empty', () => {
  const headers = headersOf(sampleEvent());
  assert.equal(headers.length, 3 + 8);
  assert.ok(headers.every((header) => !header.endsWith(': ')));
});

test("an event's own header cannot pass for one of Headwater's", () => {
  const headers = headersOf(
    sampleEvent({ headers: { 'headwater-id': 'forged', 'Content-Type': 'x', traceparent: 'y' } }),
  );
  assert.deepEqual(headers.slice(-3), ['event-headwater-id: forged', 'event-Content-Type: x', 'event-traceparent: y']);
  assert.equal(headers.filter((header) => header.startsWith('headwater-id:')).length, 1);
});

test('a tombstone has no content type', () => {
  const headers = headersOf(sampleEvent(), new HeaderWriter(), () => null);
  assert.ok(!headers.some((header) => header.startsWith('content-type')));
});

test('what is encoded once for a transaction does not leak into the next one', () => {
  const writer = new HeaderWriter();
  headersOf(sampleInsert(['1', '2', '3']), writer);
  const other = sampleOutbound(sampleInsert(['1', '2', '3']), { sequence: 2 });
  const { sharedHeaders } = writer.write({
    id: other.id,
    operation: 'insert',
    contentType: undefined,
    table: undefined,
    record: other.record,
    header: other.header,
  });
  assert.ok(new TextDecoder().decode(sharedHeaders[0]?.bytes).includes('headwater-sequence\u00022'));
});
