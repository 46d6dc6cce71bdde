import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { RecordFunctions } from '../../outbound-record.ts';
import { isPoison } from '../../poisoned-record.ts';
import { type MessageOptions, type OutboundMessage, toOutboundMessages } from './outbound-message.ts';
import { ordersTable, sampleEvent, sampleInsert, sampleOutbound, sampleUpdate } from './testing/sample-records.ts';

const messagesOf = (
  record: JournalRecord,
  options: MessageOptions,
  functions: RecordFunctions = {},
): readonly OutboundMessage[] => toOutboundMessages(sampleOutbound(record, { functions }), options);

const topicOf = (record: JournalRecord, topic: MessageOptions['topic']): string | undefined =>
  messagesOf(record, { topic })[0]?.topic;

/** With this code, and so that the record parks and others go on. */
const parksWith = (code: ErrorCode) => (error: unknown) => {
  assert.ok(error instanceof HeadwaterError);
  assert.equal(error.code, code, String(error));
  assert.ok(isPoison(error));
  return true;
};

const place = '7385000000000000001-1-1/130-0';
const insert = sampleInsert(['1', '2', '3']);
const remove: JournalRecord = {
  kind: 'delete',
  ordinal: 0,
  table: ordersTable,
  before: ['1', null, null],
  beforeKind: 'key',
};
const changedKey = sampleUpdate(['2', '6', 'a'], { before: ['1', null, null], beforeKind: 'key' });
const shape = ({ id, key, operation, value }: OutboundMessage): readonly unknown[] => [
  id,
  operation,
  key,
  value === null ? null : 'a value',
];

test('templates name the topics of changes by schema and table, those of events by type and source', () => {
  const topic = { changes: 'shop.{schema}-{table}.v1', events: '{source}.{type}' };
  assert.equal(topicOf(insert, topic), 'shop.public-orders.v1');
  assert.equal(topicOf(sampleEvent(), topic), 'shop.order.placed');
  assert.equal(topicOf(insert, { events: 'all' }), 'public.orders');
  assert.equal(topicOf(sampleEvent(), { changes: 'all' }), 'events');
});

test('a template that makes no valid name for a record parks it, and renames nothing', () => {
  const table = { ...ordersTable, tableName: 'größe' };
  assert.throws(
    () => topicOf(sampleInsert(['1', '2', '3'], table), { changes: 'x.{table}' }),
    parksWith('HW-KAFKA-020'),
  );
});

test('a function for the topic that throws, or returns no text, parks its record with a code', () => {
  const broken = (): string => {
    throw new TypeError('no such field');
  };
  assert.throws(() => topicOf(insert, broken), parksWith('HW-KAFKA-022'));
  assert.throws(() => topicOf(insert, () => 7 as unknown as string), parksWith('HW-KAFKA-020'));
});

test('headers of the user go with every message of a record; undefined is left out', () => {
  const headers = (record: JournalRecord): Record<string, string | undefined> => ({
    kind: record.kind,
    region: 'eu',
    none: undefined,
  });
  const messages = messagesOf(changedKey, { headers, tombstones: true });
  assert.equal(messages.length, 3);
  for (const { ownHeaders } of messages) {
    assert.deepEqual(ownHeaders, [
      ['kind', 'update'],
      ['region', 'eu'],
    ]);
  }
  assert.deepEqual(messagesOf(insert, { headers: () => undefined })[0]?.ownHeaders, []);
});

test("a header of the user with one of Headwater's names parks its record, whatever its case", () => {
  for (const name of ['headwater-id', 'Headwater-Anything', 'content-type', 'TraceParent']) {
    assert.throws(() => messagesOf(insert, { headers: () => ({ [name]: 'x' }) }), parksWith('HW-KAFKA-023'));
  }
});

test('a function for headers that throws, or returns no texts, parks its record with a code', () => {
  const broken: readonly unknown[] = [7, null, { a: 1 }, { a: null }, { '': 'x' }, Promise.resolve({})];
  for (const value of broken) {
    const headers = (): Record<string, string> => value as Record<string, string>;
    assert.throws(() => messagesOf(insert, { headers }), parksWith('HW-KAFKA-022'));
  }
  const throwing = (): never => {
    throw new TypeError('no such field');
  };
  assert.throws(() => messagesOf(insert, { headers: throwing }), parksWith('HW-KAFKA-022'));
});

test('a tombstone stands behind each deletion, under its key, and nowhere when none is asked for', () => {
  assert.deepEqual(messagesOf(remove, { tombstones: true }).map(shape), [
    [place, 'delete', '["1"]', 'a value'],
    [`${place}/tombstone`, 'delete', '["1"]', null],
  ]);
  assert.deepEqual(messagesOf(changedKey, { tombstones: true }).map(shape), [
    [`${place}/key`, 'delete', '["1"]', 'a value'],
    [`${place}/key/tombstone`, 'delete', '["1"]', null],
    [place, 'update', '["2"]', 'a value'],
  ]);
  assert.equal(messagesOf(remove, {}).length, 1);
  for (const record of [insert, sampleEvent(), sampleUpdate(['1', '2', '3'])]) {
    assert.equal(messagesOf(record, { tombstones: true }).length, 1);
  }
});

test('a mapped deletion has a tombstone unless the map made one, and a mapped change of the key one for the old key', () => {
  const map = (): string => 'mapped';
  assert.deepEqual(messagesOf(remove, { tombstones: true }, { map }).map(shape), [
    [place, 'delete', '["1"]', 'a value'],
    [`${place}/tombstone`, 'delete', '["1"]', null],
  ]);
  assert.deepEqual(messagesOf(remove, { tombstones: true }, { map: () => null }).map(shape), [
    [place, 'delete', '["1"]', null],
  ]);
  assert.deepEqual(messagesOf(changedKey, { tombstones: true }, { map }).map(shape), [
    [`${place}/key/tombstone`, 'delete', '["1"]', null],
    [place, 'update', '["2"]', 'a value'],
  ]);
});

test('a deletion whose key stands for the whole table, or that has none, gets no tombstone', () => {
  const table = { ...ordersTable, replicaIdentity: 'full' } as const;
  const whole: JournalRecord = { kind: 'delete', ordinal: 0, table, before: ['1', '2', '3'], beforeKind: 'full' };
  assert.equal(messagesOf(whole, { tombstones: true }).length, 1);
  assert.equal(messagesOf(remove, { tombstones: true }, { key: () => null }).length, 1);
});
