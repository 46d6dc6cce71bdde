import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Consumer, Producer } from '@platformatic/kafka';
import { z } from 'zod';
import { kafkaBrokers, skipReason } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { TestTopics, uniqueName } from '../../../delivery/sinks/kafka/testing/test-topics.ts';
import type { LaneOptions } from '../../../delivery/lane-options.ts';
import { kafkaSink } from '../../../delivery/sinks/kafka/kafka-sink.ts';
import { silentLogger } from '../../../foundation/logger.ts';
import { startHeadwater } from '../../../service/headwater.ts';
import { emit } from '../../emit/emit.ts';
import { defineEvents } from '../../emit/events.ts';
import { inbox } from '../../inbox/inbox.ts';
import { dayMs, type InboxStage, openInboxStage } from '../../inbox/testing/inbox-stage.ts';
import { consumedInbox, runConsumer } from '../testing/consumed-inbox.ts';
import { killAt, killPoints } from '../testing/kill-points.ts';
import { consumeKafka, type KafkaConsumerOptions } from './consume-kafka.ts';

const skip = await skipReason('postgres18', 'kafka');

interface SentRecord {
  readonly orderId: string;
  readonly id?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

describe('the Kafka consumer', { skip }, () => {
  let stage: InboxStage;
  let brokers: string[];
  let topics: TestTopics;
  let producer: Producer<string, string, string, string>;
  before(async () => {
    stage = await openInboxStage();
    brokers = await kafkaBrokers();
    topics = await TestTopics.open(brokers);
    const asText = (text?: string): Buffer => Buffer.from(text ?? '');
    producer = new Producer({
      clientId: 'sender',
      bootstrapBrokers: brokers,
      serializers: { key: asText, value: asText, headerKey: asText, headerValue: asText },
    });
  });
  after(async () => {
    await producer.close();
    await topics[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    for (const table of ['effects', 'headwater.inbox', 'headwater.inbox_held']) {
      await stage.database.query(`truncate ${table}`);
    }
  });

  const send = async (topic: string, records: readonly SentRecord[]): Promise<void> => {
    await producer.send({
      messages: records.map(({ orderId, id = orderId, key = 'k', headers }) => ({
        topic,
        key,
        value: JSON.stringify({ orderId }),
        headers: headers ?? {
          'headwater-version': '1',
          'headwater-id': id,
          'headwater-source': '7-1-0/0-0',
          'headwater-event-source': 'shop',
        },
      })),
    });
  };
  const start = (topic: string, options: Partial<KafkaConsumerOptions> = {}) =>
    runConsumer((signal) =>
      consumeKafka({
        inbox: consumedInbox(stage.pool),
        signal,
        topics: [topic],
        connect: () =>
          new Consumer({ groupId: topic, groupInstanceId: topic, clientId: 'billing', bootstrapBrokers: brokers }),
        ...options,
      }),
    );
  const orders = (count: number): SentRecord[] =>
    Array.from({ length: count }, (_, index) => ({ orderId: `${index}` }));

  test('takes what emit wrote from the journal through the topic, and its own events follow from the message', async () => {
    const events = defineEvents({
      'order.placed': z.object({ orderId: z.string() }),
      'order.billed': z.object({ orderId: z.string() }),
    });
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-inbox-'));
    const placed = uniqueName('placed');
    const billed = uniqueName('billed');
    await topics.createNamed(placed, 3);
    await topics.createNamed(billed, 1);
    try {
      const lane = (type: string, topic: string): LaneOptions => ({
        sink: kafkaSink({ brokers, topic }),
        filter: (record) => record.kind === 'event' && record.event.type === type,
      });
      await using headwater = await startHeadwater({
        source: { url: stage.database.url, slot: stage.database.name, tables: [] },
        journal: { directory: scratch },
        http: { port: 0 },
        logger: silentLogger,
        lanes: { placed: lane('order.placed', placed), billed: lane('order.billed', billed) },
      });
      const billing = inbox(
        'billing',
        { db: stage.pool, payload: z.object({ orderId: z.string() }), redeliveryMaxMs: dayMs },
        async (client, { payload }) => {
          await client.query('insert into effects (text) values ($1)', [payload.orderId]);
          await emit(client, events['order.billed'], payload, { key: payload.orderId });
        },
      );
      await using _ = start(placed, { inbox: billing });
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const client = await stage.pool.connect();
      await client.query('begin');
      const { id } = await emit(
        client,
        events['order.placed'],
        { orderId: '42' },
        { key: '42', traceparent, correlationId: 'visit 7' },
      );
      await client.query('commit');
      client.release();
      await waitUntil('the order is billed', async () => (await stage.effects()).length === 1);
      // What drains knows the journal alone, and the commit of the billing may still be on its way into it.
      await waitUntil('the event of the billing is in its topic', async () => {
        await headwater.drain();
        return (await topics.readCommitted(billed, 1)).length === 1;
      });
      const [record] = await topics.readCommitted(billed, 1);
      const headers = new Map(record?.headers);
      assert.equal(headers.get('headwater-causation-id'), id);
      assert.equal(headers.get('headwater-correlation-id'), 'visit 7');
      assert.equal(headers.get('traceparent'), traceparent);
      assert.deepEqual(await stage.effects(), ['42']);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });

  test('has one effect for a record that comes a hundred times', async () => {
    const topic = await topics.create('repeated', 2);
    for (let round = 0; round < 10; round += 1) {
      await send(
        topic,
        Array.from({ length: 10 }, () => ({ orderId: 'once', key: 'k' })),
      );
    }
    const billing = consumedInbox(stage.pool);
    await using _ = start(topic, { inbox: billing });
    await waitUntil('all have come', async () => billing.counts.done + billing.counts.duplicate === 100);
    assert.deepEqual(await stage.effects(), ['once']);
    assert.equal(billing.counts.duplicate, 99);
  });

  for (const point of killPoints) {
    test(`has one effect for each record when it is killed ${point}`, async () => {
      const topic = await topics.create('killed', 1);
      await send(topic, orders(6));
      await killAt({
        kind: 'kafka',
        databaseUrl: stage.url,
        server: brokers.join(','),
        source: topic,
        point,
        orderId: '3',
      });
      const billing = consumedInbox(stage.pool);
      await using _ = start(topic, { inbox: billing });
      await waitUntil('all have an effect', async () => (await stage.effects()).length >= 6);
      assert.deepEqual(await stage.effects(), ['0', '1', '2', '3', '4', '5']);
    });
  }

  test('keeps the order of a partition, and parks what it cannot take without holding back the others', async () => {
    const topic = await topics.create('poisoned', 1);
    await send(topic, [
      ...orders(3),
      { orderId: 'poison' },
      { orderId: 'foreign', headers: { a: 'b' } },
      { orderId: 'failing' },
      { orderId: '3' },
    ]);
    const billing = consumedInbox(stage.pool);
    await using _ = start(topic, { inbox: billing, attemptsMax: 2 });
    await waitUntil('the last one has an effect', async () => (await stage.effects()).length === 4);
    assert.deepEqual(await stage.effects(), ['0', '1', '2', '3']);
    const held = await billing.held();
    assert.deepEqual(
      held.map(({ id, reason, sender }) => [id, sender, reason.split(':')[0]]),
      [
        ['poison', 'shop', 'rejected'],
        [`${topic}/0/4`, 'kafka', 'unreadable'],
        ['failing', 'shop', 'attempts'],
      ],
    );
  });

  test('stops by its signal with everything acknowledged that was committed', async () => {
    const topic = await topics.create('stopped', 1);
    await send(topic, orders(20));
    const first = consumedInbox(stage.pool);
    {
      await using _ = start(topic, { inbox: first });
      await waitUntil('some have an effect', async () => first.counts.done > 3);
    }
    const second = consumedInbox(stage.pool);
    await using _ = start(topic, { inbox: second });
    await waitUntil('all have an effect', async () => (await stage.effects()).length === 20);
    assert.equal(first.counts.done + second.counts.done, 20);
    assert.deepEqual([first.counts.duplicate, second.counts.duplicate], [0, 0]);
  });

  test('stops at a version of headers that it does not know, and acknowledges nothing of it', async () => {
    const topic = await topics.create('newer', 1);
    await send(topic, [{ orderId: '1', headers: { 'headwater-version': '2' } }]);
    const consumer = start(topic);
    await assert.rejects(consumer.ended, { code: 'HW-INBOX-022' });
    assert.deepEqual(await stage.effects(), []);
  });
});
