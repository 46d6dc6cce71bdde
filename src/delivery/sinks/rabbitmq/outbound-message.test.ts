import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundRecord } from '../../sink.ts';
import {
  ordersTable,
  sampleEvent,
  sampleInsert,
  sampleOutbound,
  sampleUpdate,
} from '../kafka/testing/sample-records.ts';
import { type MessageOptions, toOutboundMessages } from './outbound-message.ts';

const options: MessageOptions = { recordBytesMax: 1000, owner: 'test/lane' };

const fullEvent = sampleEvent({
  keyVersion: '2',
  tenant: 'acme',
  traceparent: '00-1-2-01',
  correlationId: 'c-1',
  causationId: 'c-2',
  headers: { mine: 'Grüße', 'X-Death': 'no', Cc: 'no', 'headwater-id': 'no' },
});

test('an event says everything that the reference page names, in its order, and steers nothing', async () => {
  const [message] = toOutboundMessages(sampleOutbound(fullEvent), options);
  const names = Object.keys(message?.headers ?? {});
  assert.deepEqual(names.slice(-4), ['mine', 'event-X-Death', 'event-Cc', 'event-headwater-id']);
  const page = await readFile(new URL('../../../../docs/reference/rabbitmq-messages.md', import.meta.url), 'utf8');
  const lines =
    page
      .split('## Headers')[1]
      ?.split('\n')
      .filter((line) => line.startsWith('| `')) ?? [];
  const documented = lines.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  );
  const ofTables = new Set(['headwater-schema', 'headwater-table']);
  assert.deepEqual(
    names.slice(0, -4),
    documented.filter((name) => name !== undefined && !ofTables.has(name)),
  );
  assert.equal(message?.headers['headwater-commit-time'], '2027-01-15T08:00:01.123456Z');
  assert.equal(message.timestampSeconds, 1_800_000_001);
});

test('a change is JSON under the routing key of its table, and a moved row stays one message', () => {
  const [insert] = toOutboundMessages(sampleOutbound(sampleInsert(['1', '9.99', null])), options);
  assert.equal(insert?.routingKey, 'change.public.orders');
  assert.equal(insert.headers['headwater-key'], '["1"]');
  assert.equal(insert.payload.toString().startsWith('{"op":"insert","schema":"public"'), true);
  const moved = sampleUpdate(['2', '9.99', null], { before: ['1', null, null], beforeKind: 'key' });
  const messages = toOutboundMessages(sampleOutbound(moved), options);
  assert.equal(messages.length, 1);
  assert.match(messages[0]?.payload.toString() ?? '', /"before":\{"id":"1"\}/);
});

test('a row of a copy has the routing key and the key of its table, and says that it was read', () => {
  const copied = sampleOutbound({ kind: 'read', table: ordersTable, after: ['1', '9.99', null], ordinal: 0 });
  const [read, ...more] = toOutboundMessages(copied, options);
  assert.equal(read?.routingKey, 'change.public.orders');
  assert.equal(read.type, 'change.read');
  assert.equal(read.headers['headwater-op'], 'read');
  assert.equal(read.headers['headwater-key'], '["1"]');
  assert.match(read.payload.toString(), /^\{"op":"read","schema":"public".*"after":\{"id":"1"/);
  assert.equal(more.length, 0);
});

test('a TRUNCATE of several tables is a message for each, with ids of their own', () => {
  const tables = [ordersTable, { ...ordersTable, tableName: 'a.b #*' }];
  const truncate = sampleOutbound({ kind: 'truncate', ordinal: 0, tables, cascade: false, restartIdentity: false });
  const messages = toOutboundMessages(truncate, options);
  assert.deepEqual(
    messages.map(({ id, routingKey }) => [id, routingKey]),
    [
      [`${truncate.id}/0`, 'change.public.orders'],
      [`${truncate.id}/1`, 'change.public.a%2Eb%20%23%2A'],
    ],
  );
});

test('a map gives the payload: bytes, text, nothing, JSON', () => {
  const map = (value: unknown): OutboundRecord => ({ ...sampleOutbound(sampleEvent()), value });
  const shapes = [new Uint8Array([1, 2]), 'text', null, { a: 1 }].map((value) => {
    const [message] = toOutboundMessages(map(value), options);
    return [message?.payload.toString('hex'), message?.contentType];
  });
  assert.deepEqual(shapes, [
    ['0102', 'application/octet-stream'],
    ['74657874', 'text/plain; charset=utf-8'],
    ['', undefined],
    ['7b2261223a317d', 'application/json'],
  ]);
});

const sample = sampleOutbound(sampleEvent());
const refused: readonly (readonly [code: ErrorCode, outbound: OutboundRecord])[] = [
  ['HW-RABBITMQ-008', { ...sample, value: 'x'.repeat(1001) }],
  ['HW-RABBITMQ-015', { ...sample, value: 1n }],
  ['HW-RABBITMQ-015', { ...sample, value: () => 1 }],
  ['HW-RABBITMQ-016', { ...sample, destination: 'ä'.repeat(128) }],
  ['HW-RABBITMQ-017', { ...sample, id: 'x'.repeat(256) }],
  ['HW-RABBITMQ-017', sampleOutbound(sampleEvent({ headers: { ['n'.repeat(256)]: '' } }))],
  ['HW-RABBITMQ-017', sampleOutbound(sampleEvent({ headers: { n: 'x'.repeat(60_000) } }))],
];

test('what AMQP or the limit has no room for is refused before anything is sent', () => {
  for (const [code, outbound] of refused) {
    assert.throws(
      () => toOutboundMessages(outbound, options),
      (error: unknown) => error instanceof HeadwaterError && error.code === code,
      code,
    );
  }
});
