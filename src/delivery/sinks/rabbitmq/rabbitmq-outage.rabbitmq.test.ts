import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect, type ConsumeMessage } from 'amqplib';
import pg from 'pg';
import { createTestDatabase, skipReason, startPrivateRabbitmq } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { LaneStage } from '../../testing/lane-stage.ts';
import { parseSuiteRecord, suiteRecord } from '../kafka/testing/kafka-child.ts';
import { rabbitmqSink } from './rabbitmq-sink.ts';
import { addressOf, withBroker } from './testing/test-broker.ts';

const keys = 'abcdefghijklmnopqrstuvwxyz';

/** Appends records of all keys in turn, numbered over all of them. */
function append(stage: LaneStage, first: number, count: number): void {
  for (let number = first; number < first + count; number += 1) {
    stage.journal.append([suiteRecord({ key: keys.charAt(number % keys.length), number })]);
  }
}

/** Every number is there, and without repetitions each key is in order. */
function assertWhole(records: readonly { readonly key: string; readonly number: number }[], count: number): void {
  assert.equal(new Set(records.map(({ number }) => number)).size, count, 'nothing is lost');
  for (const key of keys) {
    const numbers = [...new Set(records.filter((record) => record.key === key).map(({ number }) => number))];
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      `order of key ${key}`,
    );
  }
}

describe('a RabbitMQ that is killed or short of memory', { skip: await skipReason('privateRabbitmq') }, () => {
  test('kill -9 of the broker loses nothing that was confirmed, and the lane goes on in order', async () => {
    await using rabbitmq = await startPrivateRabbitmq();
    const { host, port } = addressOf(rabbitmq.url);
    const { exchange, queue } = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
    // RabbitMQ writes down a new queue and its bindings a moment later, also when it has confirmed records there by then.
    await rabbitmq.restart();
    await using stage = new LaneStage();
    const sink = rabbitmqSink({ servers: `${host}:${port}`, exchange, queues: queue, confirmTimeoutMs: 1_000 });
    const lane = stage.lane({ sink, concurrencyMax: 32 });
    await lane.start();
    for (const round of [0, 1]) {
      append(stage, round * 1_000, 1_000);
      const wanted = BigInt(round * 1_000 + 100);
      await waitUntil('the lane is at work', () => (lane.status().checkpoint?.sequence ?? 0n) >= wanted, 60_000);
      assert.ok(lane.status().lag.pendingRecordCount > 0, 'the kill comes in mid-delivery');
      await rabbitmq.kill();
      await waitUntil('it was met', () => lane.status().retryCount > round);
      await rabbitmq.restart();
    }
    await lane.drain();
    const messages = await withBroker(rabbitmq.url, (broker) => broker.take(queue));
    assertWhole(
      messages.map(({ content }) => parseSuiteRecord(content.toString())),
      2_000,
    );
  });

  test('a queue that answers nobody for a while is waited for, and the lane goes on by itself', async () => {
    await using rabbitmq = await startPrivateRabbitmq();
    await using proxy = await FaultProxy.start(addressOf(rabbitmq.url));
    const { exchange, queue } = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
    await using stage = new LaneStage();
    const sink = rabbitmqSink({
      servers: `127.0.0.1:${proxy.port}`,
      exchange,
      queues: queue,
      confirmTimeoutMs: 200,
      connectTimeoutMs: 1_000,
    });
    const lane = stage.lane({ sink, concurrencyMax: 32 });
    await lane.start();
    const member = `whereis('%2F_${queue}')`;
    await rabbitmq.control('eval', `sys:suspend(${member}).`);
    append(stage, 0, 200);
    await waitUntil('the late confirm is shown', () => lane.status().lastFailure?.error.code === 'HW-RABBITMQ-013');
    await waitUntil('the connection was given up', () => proxy.connectionCount > 3);
    assert.equal(lane.status().condition, 'retrying');
    assert.equal(lane.status().checkpoint?.sequence, 0n);
    await rabbitmq.control('eval', `sys:resume(${member}).`);
    await lane.drain();
    const messages = await withBroker(rabbitmq.url, (broker) => broker.take(queue));
    assertWhole(
      messages.map(({ content }) => parseSuiteRecord(content.toString())),
      200,
    );
  });

  test('a broker that blocks publishers is shown and waited for, and nothing is published twice', async () => {
    await using rabbitmq = await startPrivateRabbitmq();
    const { host, port } = addressOf(rabbitmq.url);
    const { exchange, queue } = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: rabbitmqSink({ servers: `${host}:${port}`, exchange, queues: queue }) });
    append(stage, 0, 8);
    await lane.start();
    await lane.drain();
    await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '1');
    append(stage, 8, 200);
    await waitUntil('it is shown', () => lane.status().lastFailure?.error.code === 'HW-RABBITMQ-012');
    assert.match(lane.status().lastFailure?.error.message ?? '', /memory/);
    assert.equal(lane.status().condition, 'retrying');
    await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '512MiB');
    await lane.drain();
    const messages = await withBroker(rabbitmq.url, (broker) => broker.take(queue));
    assert.equal(messages.length, 208);
    assertWhole(
      messages.map(({ content }) => parseSuiteRecord(content.toString())),
      208,
    );
  });

  test('a lane whose broker blocks it stops in time', async () => {
    await using rabbitmq = await startPrivateRabbitmq();
    const { host, port } = addressOf(rabbitmq.url);
    const { exchange, queue } = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
    await using stage = new LaneStage();
    const sink = rabbitmqSink({ servers: `${host}:${port}`, exchange, queues: queue });
    const lane = stage.lane({ sink }, 'lane', 200);
    await lane.start();
    await rabbitmq.control('set_vm_memory_high_watermark', 'absolute', '1');
    append(stage, 0, 50);
    await waitUntil('it is shown', () => lane.status().lastFailure?.error.code === 'HW-RABBITMQ-012');
    await lane.stop();
    assert.equal(lane.status().condition, 'stopped');
  });
});

describe('a consumer with an inbox', { skip: await skipReason('privateRabbitmq', 'postgres18') }, () => {
  test('sees each effect once, in order per key, whatever the lane and the broker repeat', async () => {
    await using rabbitmq = await startPrivateRabbitmq();
    await using database = await createTestDatabase();
    await using proxy = await FaultProxy.start(addressOf(rabbitmq.url));
    const { exchange, queue } = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('create table inbox (message_id text primary key)');
      await client.query('create table effect (place bigserial primary key, key text not null, number int not null)');
      await using stage = new LaneStage();
      const sink = rabbitmqSink({ servers: `127.0.0.1:${proxy.port}`, exchange, queues: queue });
      const lane = stage.lane({ sink });
      await lane.start();
      const consumed = { repetitions: 0 };
      const consumer = await startConsumer(rabbitmq.url, { queue, client, consumed });
      for (let round = 0; round < 5; round += 1) {
        const lost = proxy.loseReply({ request: holdsText('event.suite.record') });
        append(stage, round * 40, 40);
        await Promise.all([lost, lane.drain()]);
      }
      await waitUntil('all took effect', async () => {
        const { rows } = await client.query<{ count: string }>('select count(*) as count from effect');
        return Number(rows[0]?.count) >= 200;
      });
      await waitUntil('the queue is empty', () =>
        withBroker(rabbitmq.url, async (broker) => (await broker.channel.checkQueue(queue)).messageCount === 0),
      );
      await consumer.close();
      assert.ok(consumed.repetitions > 0, 'there was something to drop');
      const { rows } = await client.query<{ key: string; number: number }>(
        'select key, number from effect order by place',
      );
      assert.equal(rows.length, 200);
      assertWhole(rows, 200);
    } finally {
      await client.end();
    }
  });
});

interface ConsumerPlan {
  readonly queue: string;
  readonly client: pg.Client;
  readonly consumed: { repetitions: number };
}

/** Notes each id in the transaction of its effect, acknowledges behind the commit, and forgets every tenth acknowledgement. */
async function startConsumer(
  url: string,
  { client, consumed, queue }: ConsumerPlan,
): Promise<{ close(): Promise<void> }> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.prefetch(1);
  let count = 0;
  const take = async (message: ConsumeMessage): Promise<void> => {
    const { key, number } = parseSuiteRecord(message.content.toString());
    await client.query('begin');
    const { rowCount } = await client.query('insert into inbox values ($1) on conflict do nothing', [
      String(message.properties.messageId),
    ]);
    if (rowCount === 1) await client.query('insert into effect (key, number) values ($1, $2)', [key, number]);
    else consumed.repetitions += 1;
    await client.query('commit');
    count += 1;
    if (count % 10 === 0) channel.nack(message, false, true);
    else channel.ack(message);
  };
  let latest = Promise.resolve();
  await channel.consume(queue, (message) => {
    if (message !== null) latest = latest.then(() => take(message));
  });
  return {
    async close() {
      await latest;
      await connection.close();
    },
  };
}
