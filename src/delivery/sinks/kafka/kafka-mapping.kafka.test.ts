import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kafkaBrokers, skipReason } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { deleteRow, insertRow, oids, testTable, updateRow } from '../../testing/test-table.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { testEvent, type UnplacedRecord } from '../../../testing/memory-journal.ts';
import type { LaneOptions } from '../../lane-options.ts';
import type { KafkaSinkOptions } from './kafka-options.ts';
import { kafkaSink } from './kafka-sink.ts';
import { idsOf } from './testing/deliver-batches.ts';
import { type ConsumedRecord, TestTopics, uniqueName } from './testing/test-topics.ts';

const orders = testTable('orders', [
  { name: 'id', typeOid: oids.int4, isKey: true },
  { name: 'customer', typeOid: oids.int4 },
  { name: 'total', typeOid: oids.numeric },
]);

const parts = ({ key, value }: ConsumedRecord): readonly unknown[] => [key, value === null ? null : 'a value'];

/** What a consumer of a compacted topic that keeps the last record of each key ends with. */
function compact(records: readonly ConsumedRecord[]): ReadonlyMap<string | null, string> {
  const kept = new Map<string | null, string>();
  for (const { key, value } of records) {
    if (value === null) kept.delete(key);
    else kept.set(key, value);
  }
  return kept;
}

describe('the mapping of records to Kafka', { skip: await skipReason('kafka') }, () => {
  /** Delivers transactions to the end by a lane. */
  async function deliverAll(
    transactions: readonly (readonly UnplacedRecord[])[],
    sink: Omit<KafkaSinkOptions, 'brokers'>,
    lane: Partial<LaneOptions> = {},
  ): Promise<{ readonly parkedKeyCount: number }> {
    await using stage = new LaneStage();
    for (const transaction of transactions) stage.journal.append(transaction);
    const brokers = await kafkaBrokers();
    const name = uniqueName('lane');
    const running = stage.lane({ sink: kafkaSink({ brokers, ...sink }), onPoisoned: 'park', ...lane }, name);
    await running.start();
    await waitUntil(
      'everything is delivered',
      () => running.status().checkpoint?.sequence === BigInt(transactions.length),
    );
    const { parkedKeyCount } = running.status();
    await running.stop();
    return { parkedKeyCount };
  }

  test('tombstones stand behind deletions in the same partition, so that a compacted topic ends as the table is', async () => {
    await using topics = await TestTopics.open(await kafkaBrokers());
    const topic = await topics.create('compacted', 3, { 'cleanup.policy': 'compact' });
    const rows = Array.from({ length: 9 }, (_, id) => insertRow(orders, String(id), '7', '1.00'));
    const later = [
      deleteRow(orders, '1'),
      deleteRow(orders, '2'),
      insertRow(orders, '2', '7', '2.00'),
      updateRow(orders, ['20', '7', '1.00'], ['3', null, null]),
    ];
    await deliverAll([rows, later], { topic, tombstones: true });
    const records = await topics.readCommitted(topic, 3);
    assert.deepEqual(records.filter(({ key }) => key === '["1"]').map(parts), [
      ['["1"]', 'a value'],
      ['["1"]', 'a value'],
      ['["1"]', null],
    ]);
    assert.deepEqual(
      [...compact(records).keys()].sort(),
      ['0', '2', '20', '4', '5', '6', '7', '8'].map((id) => `["${id}"]`),
    );
    assert.equal(new Set(idsOf(records)).size, records.length, 'each has an id of its own');
    for (const { headers, value } of records) {
      if (value === null) assert.ok(headers.every(([name]) => name !== 'content-type'));
    }
  });

  test('a key of the user decides the partition, and records of that key stay in commit order', async () => {
    await using topics = await TestTopics.open(await kafkaBrokers());
    const topic = await topics.create('customers', 5);
    const customerOf = (record: JournalRecord): string | null =>
      record.kind === 'insert' ? `customer-${String(record.after[1])}` : null;
    const transactions = Array.from({ length: 60 }, (_, id) => [insertRow(orders, String(id), String(id % 7), '1.00')]);
    await deliverAll(transactions, { topic }, { key: customerOf });
    const records = await topics.readCommitted(topic, 5);
    assert.equal(records.length, 60);
    for (const [key, group] of Map.groupBy(records, (record) => record.key)) {
      assert.equal(new Set(group.map(({ partition }) => partition)).size, 1, String(key));
      const numbers = group.map(({ headers }) => Number(headers.find(([name]) => name === 'headwater-sequence')?.[1]));
      assert.deepEqual(
        numbers,
        [...numbers].sort((left, right) => left - right),
      );
    }
  });

  test('each table and each type of event has the topic that its template names', async () => {
    await using topics = await TestTopics.open(await kafkaBrokers());
    const prefix = uniqueName('shop');
    await topics.createNamed(`${prefix}.public.orders`, 1);
    await topics.createNamed(`${prefix}.test.happened`, 1);
    const topic = { changes: `${prefix}.{schema}.{table}`, events: `${prefix}.{type}` };
    await deliverAll([[insertRow(orders, '1', '7', '1.00'), testEvent('k', 'event-1')]], { topic });
    assert.equal((await topics.readCommitted(`${prefix}.public.orders`, 1)).length, 1);
    assert.deepEqual(idsOf(await topics.readCommitted(`${prefix}.test.happened`, 1)), ['event-1']);
  });

  test("headers of the user arrive behind Headwater's, and take the place of an event's own of the same name", async () => {
    await using topics = await TestTopics.open(await kafkaBrokers());
    const topic = await topics.create('headers', 1);
    const event = testEvent('k', 'event-1');
    assert.ok(event.kind === 'event');
    const own = { ...event, event: { ...event.event, headers: { region: 'us', origin: 'web' } } };
    await deliverAll([[insertRow(orders, '1', '7', '1.00'), own]], { topic, headers: () => ({ region: 'eu' }) });
    const [change, consumed] = await topics.readCommitted(topic, 1);
    assert.deepEqual(change?.headers.at(-1), ['region', 'eu']);
    assert.deepEqual(consumed?.headers.slice(-2), [
      ['origin', 'web'],
      ['region', 'eu'],
    ]);
  });

  test('a record whose headers cannot be made is parked, and those of other keys go on', async () => {
    await using topics = await TestTopics.open(await kafkaBrokers());
    const topic = await topics.create('poisoned', 1);
    const headers = (record: JournalRecord): Record<string, string> => {
      if (record.kind !== 'event') return {};
      if (record.event.key === 'bad') throw new TypeError('no such field');
      return record.event.key === 'forged' ? { 'headwater-id': 'x' } : { fine: 'yes' };
    };
    const keys = ['a', 'bad', 'b', 'forged', 'c'];
    const { parkedKeyCount } = await deliverAll(
      keys.map((key) => [testEvent(key, `event-${key}`)]),
      { topic, headers },
    );
    assert.equal(parkedKeyCount, 2);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['event-a', 'event-b', 'event-c']);
  });
});
