import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { unchanged } from '../../../model/row.ts';
import type { OutboundRecord } from '../../sink.ts';
import { type MessageOptions, type OutboundMessage, toOutboundMessages } from './outbound-message.ts';
import { ordersTable, sampleEvent, sampleInsert, sampleOutbound, sampleUpdate } from './testing/sample-records.ts';

const place = '7385000000000000001-1-1/130-0';

function only(outbound: OutboundRecord, topic?: MessageOptions['topic']): OutboundMessage {
  const [message, ...others] = toOutboundMessages(outbound, { topic });
  assert.ok(message !== undefined && others.length === 0);
  return message;
}

const parse = (message: OutboundMessage): unknown => JSON.parse(String(message.value));
const withCode = (code: ErrorCode) => (error: unknown) => error instanceof HeadwaterError && error.code === code;

test('an insert is JSON with every value as PostgreSQL writes it, under the values of its key', () => {
  const message = only(sampleOutbound(sampleInsert(['9223372036854775807', '0.10', null])));
  assert.equal(message.topic, 'public.orders');
  assert.equal(message.key, '["9223372036854775807"]');
  assert.equal(
    message.value,
    '{"op":"insert","schema":"public","table":"orders","after":{"id":"9223372036854775807","total":"0.10","note":null}}',
  );
  assert.equal(message.id, place);
  assert.equal(message.contentType, 'application/json');
});

test('names and values that need escaping stay what they are', () => {
  const table = {
    ...ordersTable,
    schemaName: 's"1',
    tableName: 't\\',
    columns: [{ name: 'a"b', typeOid: 25, typeModifier: -1, isKey: true }],
  };
  const message = only(sampleOutbound(sampleInsert(['line\nbreak "quoted" \u2028'], table)), 'any');
  assert.deepEqual(parse(message), {
    op: 'insert',
    schema: 's"1',
    table: 't\\',
    after: { 'a"b': 'line\nbreak "quoted" \u2028' },
  });
});

test('an update keeps value, null and unchanged apart', () => {
  const message = only(sampleOutbound(sampleUpdate(['1', null, unchanged])));
  assert.deepEqual(parse(message), {
    op: 'update',
    schema: 'public',
    table: 'orders',
    after: { id: '1', total: null },
    unchanged: ['note'],
  });
});

test('an update whose first column is unchanged is still JSON', () => {
  const message = only(sampleOutbound(sampleUpdate([unchanged, unchanged, 'x'])), 'any');
  assert.deepEqual((parse(message) as { after: unknown }).after, { note: 'x' });
});

test('an update with its whole old row carries it', () => {
  const before = { before: ['1', '5', 'a'], beforeKind: 'full' } as const;
  const message = only(sampleOutbound(sampleUpdate(['1', '6', 'a'], before)));
  assert.deepEqual((parse(message) as { before: unknown }).before, { id: '1', total: '5', note: 'a' });
});

test('an update that changes its key deletes the old key and writes the new one', () => {
  const before = { before: ['1', null, null], beforeKind: 'key' } as const;
  const messages = toOutboundMessages(sampleOutbound(sampleUpdate(['2', '6', 'a'], before)));
  assert.deepEqual(
    messages.map(({ id, key, operation }) => ({ id, key, operation })),
    [
      { id: `${place}/key`, key: '["1"]', operation: 'delete' },
      { id: place, key: '["2"]', operation: 'update' },
    ],
  );
  assert.deepEqual(messages.map(parse), [
    { op: 'delete', schema: 'public', table: 'orders', before: { id: '1' } },
    { op: 'update', schema: 'public', table: 'orders', before: { id: '1' }, after: { id: '2', total: '6', note: 'a' } },
  ]);
});

test('a delete names the key of what is gone, and only that, when no more is known', () => {
  const record: JournalRecord = {
    kind: 'delete',
    ordinal: 0,
    table: ordersTable,
    before: ['1', null, null],
    beforeKind: 'key',
  };
  const message = only(sampleOutbound(record));
  assert.deepEqual(parse(message), { op: 'delete', schema: 'public', table: 'orders', before: { id: '1' } });
});

test('a truncate goes to all partitions of the topic of each of its tables, without a key', () => {
  const lines = { ...ordersTable, tableName: 'order_lines' };
  const record: JournalRecord = {
    kind: 'truncate',
    ordinal: 0,
    tables: [ordersTable, lines],
    cascade: true,
    restartIdentity: false,
  };
  const messages = toOutboundMessages(sampleOutbound(record));
  assert.deepEqual(
    messages.map(({ id, isForAllPartitions, key, topic }) => ({ id, isForAllPartitions, key, topic })),
    [
      { id: `${place}/0`, isForAllPartitions: true, key: null, topic: 'public.orders' },
      { id: `${place}/1`, isForAllPartitions: true, key: null, topic: 'public.order_lines' },
    ],
  );
  assert.deepEqual(messages[0] === undefined ? undefined : parse(messages[0]), {
    op: 'truncate',
    schema: 'public',
    table: 'orders',
    cascade: true,
    restartIdentity: false,
  });
});

test('an event is its payload, byte for byte, with its own key and content type', () => {
  const payload = Uint8Array.of(0, 255, 10);
  const message = only(sampleOutbound(sampleEvent({ payload, contentType: 'application/x', key: null })));
  assert.equal(message.value, payload);
  assert.equal(message.contentType, 'application/x');
  assert.equal(message.key, null);
  assert.equal(message.topic, 'events');
});

test('the route of the lane comes before the topic of the sink, and that before the default', () => {
  const routed = sampleOutbound(sampleEvent(), { functions: { route: () => 'routed' } });
  assert.equal(only(routed, 'fixed').topic, 'routed');
  assert.equal(only(sampleOutbound(sampleEvent()), 'fixed').topic, 'fixed');
  assert.equal(only(sampleOutbound(sampleEvent()), ({ kind }) => `all.${kind}`).topic, 'all.event');
});

test('a table whose name is no topic name is refused by name, not renamed', () => {
  const table = { ...ordersTable, tableName: 'größe' };
  assert.throws(
    () => toOutboundMessages(sampleOutbound(sampleInsert(['1', '2', '3'], table))),
    withCode('HW-KAFKA-020'),
  );
});

test('a mapped value is written as what it is', () => {
  const mapped = (value: unknown): OutboundMessage =>
    only(sampleOutbound(sampleEvent(), { functions: { map: () => value } }));
  assert.deepEqual(mapped(Uint8Array.of(1)).value, Uint8Array.of(1));
  assert.equal(mapped('text').contentType, 'text/plain; charset=utf-8');
  assert.equal(mapped({ a: 1 }).value, '{"a":1}');
  assert.equal(mapped({ a: 1 }).contentType, 'application/json');
  assert.equal(mapped(null).value, null);
  assert.equal(mapped(null).contentType, undefined);
});

test('a mapped value that JSON cannot hold is refused by name, not left out', () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  for (const value of [() => 1, Symbol('x'), 10n, circular]) {
    const outbound = sampleOutbound(sampleEvent(), { functions: { map: () => value } });
    assert.throws(() => toOutboundMessages(outbound), withCode('HW-KAFKA-019'));
  }
});

test("the lane's own key function decides the key", () => {
  const outbound = sampleOutbound(sampleInsert(['1', '2', '3']), { functions: { key: () => 'customer-7' } });
  assert.equal(only(outbound).key, 'customer-7');
});
