import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type PrivateRabbitmq, skipReason, startPrivateRabbitmq } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { OutboundRecord, Sink, SinkContext } from '../../sink.ts';
import { FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { LaneStage } from '../../testing/lane-stage.ts';
import { suiteRecord } from '../kafka/testing/kafka-child.ts';
import { testContext } from '../kafka/testing/open-test-sink.ts';
import {
  ordersTable,
  sampleBatch,
  sampleEvent,
  sampleInsert,
  sampleOutbound,
} from '../kafka/testing/sample-records.ts';
import type { RabbitmqSinkOptions } from './rabbitmq-options.ts';
import { rabbitmqSink } from './rabbitmq-sink.ts';
import { addressOf, TestBroker, type TestPlace, uniqueName, withBroker } from './testing/test-broker.ts';

const skip = await skipReason('privateRabbitmq');
let started: Promise<PrivateRabbitmq> | undefined;

function server(): Promise<PrivateRabbitmq> {
  started ??= startPrivateRabbitmq();
  return started;
}

after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

async function optionsOf(
  { exchange, queue }: TestPlace,
  fields: Partial<RabbitmqSinkOptions> = {},
): Promise<RabbitmqSinkOptions> {
  const { host, port } = addressOf((await server()).url);
  return { servers: `${host}:${port}`, exchange, queues: queue, ...fields };
}

async function openSink(
  place: TestPlace,
  fields: Partial<RabbitmqSinkOptions> = {},
  context: Partial<SinkContext> = {},
): Promise<Sink> {
  return rabbitmqSink(await optionsOf(place, fields)).open(testContext('orders lane', context));
}

const never = new AbortController().signal;

/** For `assert.rejects`. */
const withCode =
  (code: ErrorCode, text = /(?:)/) =>
  (error: unknown): boolean =>
    error instanceof HeadwaterError && error.code === code && text.test(`${error.message} ${error.hint}`);

function event(id: string, key: string, type: string): OutboundRecord {
  return sampleOutbound(sampleEvent({ id, key, type }));
}

async function write(sink: Sink, id: string, key = 'k', type = 'order.placed'): Promise<void> {
  await sink.write(sampleBatch([event(id, key, type)], { from: 0, to: 1 }), never);
}

describe('the RabbitMQ sink', { skip }, () => {
  test('a record is a persistent message with its id, type, key and place', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace();
    await using sink = await openSink(place);
    await write(sink, 'id-1', 'key-1');
    const insert = sampleOutbound(sampleInsert(['1', '9.99', null], { ...ordersTable, tableName: 'order lines.x' }));
    await sink.write(sampleBatch([insert], { from: 1, to: 2 }), never);
    const [first, second] = await broker.take(place.queue);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(first.fields.routingKey, 'event.order.placed');
    assert.equal(first.content.toString(), '{"orderId":"1"}');
    const { appId, contentType, deliveryMode, messageId, type } = first.properties;
    assert.deepEqual(
      { appId, contentType, deliveryMode, messageId, type },
      {
        appId: 'headwater',
        contentType: 'application/json',
        deliveryMode: 2,
        messageId: 'id-1',
        type: 'order.placed',
      },
    );
    assert.equal(first.properties.headers?.['headwater-lane'], 'test/orders%20lane');
    assert.equal(first.properties.headers?.['headwater-key'], 'key-1');
    assert.equal(second.fields.routingKey, 'change.public.order%20lines%2Ex');
    assert.equal(second.properties.headers?.['headwater-key'], '["1"]');
    assert.equal(second.properties.headers?.['headwater-table'], 'order lines.x');
  });

  test('a record that is routed to no queue is named, and nothing behind it of its key is sent', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const exchange = await broker.createExchange();
    const queue = await broker.createQueue();
    await broker.channel.bindQueue(queue, exchange, 'event.order.*');
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: rabbitmqSink(await optionsOf({ exchange, queue })) });
    const first = suiteRecord({ key: 'a', number: 0 });
    assert.ok(first.kind === 'event');
    stage.journal.append([{ kind: 'event', event: { ...first.event, type: 'order.placed' } }]);
    stage.journal.append([suiteRecord({ key: 'a', number: 1 })]);
    stage.journal.append([{ kind: 'event', event: { ...first.event, id: 'a-2', type: 'order.placed' } }]);
    await lane.start();
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    const { checkpoint, lastFailure } = lane.status();
    assert.equal(lastFailure?.error.code, 'HW-RABBITMQ-009');
    assert.match(lastFailure.error.message, /event\.suite\.record/);
    assert.equal(checkpoint?.sequence, 1n);
    assert.equal((await broker.take(queue)).length, 1);
    await broker.channel.bindQueue(queue, exchange, '#');
    await lane.resume();
    await waitUntil('the lane is past it', () => lane.status().checkpoint?.sequence === 3n);
    const messages = await broker.take(queue);
    assert.deepEqual(
      messages.map(({ properties }) => String(properties.messageId)),
      ['a-1', 'a-2'],
    );
  });

  test('a record that is too large is parked with its key, and the other keys go on', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace();
    await using stage = new LaneStage();
    const sink = rabbitmqSink(await optionsOf(place, { recordBytesMax: 1_000 }));
    const lane = stage.lane({ sink, onPoisoned: 'park' });
    stage.journal.append([suiteRecord({ key: 'a', number: 0 }), suiteRecord({ key: 'a', number: 1, size: 2_000 })]);
    stage.journal.append([suiteRecord({ key: 'a', number: 2 }), suiteRecord({ key: 'b', number: 3 })]);
    await lane.start();
    await lane.drain();
    const messages = await broker.take(place.queue);
    assert.deepEqual(
      messages.map(({ properties }) => String(properties.messageId)),
      ['a-0', 'b-3'],
    );
    assert.equal(lane.status().parkedRecordCount, 2, 'the record and the one behind it');
    assert.equal(lane.parked.keys.length, 1);
  });

  test('many returns and confirms at once are told apart', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const exchange = await broker.createExchange();
    const queue = await broker.createQueue();
    await broker.channel.bindQueue(queue, exchange, 'event.order.*');
    await using sink = await openSink({ exchange, queue });
    const wanted = Array.from({ length: 200 }, (_, index) => (index % 3 === 0 ? 'lost.way' : 'order.placed'));
    const results = await Promise.allSettled(wanted.map((type, index) => write(sink, `id-${index}`, `${index}`, type)));
    for (const [index, result] of results.entries()) {
      assert.equal(result.status, wanted[index] === 'order.placed' ? 'fulfilled' : 'rejected', `record ${index}`);
      if (result.status === 'rejected') assert.ok(withCode('HW-RABBITMQ-009')(result.reason));
    }
    assert.equal((await broker.take(queue)).length, wanted.filter((type) => type === 'order.placed').length);
  });

  test('a full queue that refuses records delays them, loses none and keeps the order of each key', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace({ 'x-max-length': 3, 'x-overflow': 'reject-publish' });
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: rabbitmqSink(await optionsOf(place)) });
    for (let number = 0; number < 60; number += 1) {
      stage.journal.append([suiteRecord({ key: 'abc'.charAt(number % 3), number })]);
    }
    await lane.start();
    await waitUntil('a record is refused', () => lane.status().lastFailure?.error.code === 'HW-RABBITMQ-010');
    const ids: string[] = [];
    await waitUntil('all have come', async () => {
      const messages = await broker.take(place.queue);
      ids.push(...messages.map(({ properties }) => String(properties.messageId)));
      return ids.length >= 60;
    });
    await lane.drain();
    for (const key of 'abc') {
      const numbers = ids.filter((id) => id.startsWith(key)).map((id) => Number(id.slice(2)));
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        `order of key ${key}`,
      );
    }
    assert.equal(new Set(ids).size, 60);
    assert.equal(ids.length, 60, 'none twice: a refused record was not kept');
  });

  test('a late confirm is shown and waited for, and the record is not published again', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace();
    await using proxy = await FaultProxy.start(addressOf((await server()).url));
    const sink = rabbitmqSink(await optionsOf(place, { servers: `127.0.0.1:${proxy.port}`, confirmTimeoutMs: 1_000 }));
    await using stage = new LaneStage();
    const lane = stage.lane({ sink });
    await lane.start();
    proxy.hold();
    stage.journal.append([suiteRecord({ key: 'a', number: 0 })]);
    await waitUntil('it is shown', () => lane.status().lastFailure?.error.code === 'HW-RABBITMQ-013');
    await waitUntil('it was asked for again', () => lane.status().retryCount > 0);
    proxy.release();
    await lane.drain();
    assert.equal((await broker.take(place.queue)).length, 1);
    assert.equal(proxy.connectionCount, 1);
  });

  test('a confirm that never is in time is waited for longer on each connection', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace();
    await using proxy = await FaultProxy.start(addressOf((await server()).url));
    const sink = rabbitmqSink(await optionsOf(place, { servers: `127.0.0.1:${proxy.port}`, confirmTimeoutMs: 200 }));
    await using stage = new LaneStage();
    const lane = stage.lane({ sink });
    await lane.start();
    let held = proxy.holdBefore(holdsText('event.suite.record'), 0);
    stage.journal.append([suiteRecord({ key: 'a', number: 0 })]);
    for (const leastMs of [600, 1_200, 2_400]) {
      await held;
      const { connectionCount } = proxy;
      const sentAtMs = stage.clock.monotonicMs();
      await waitUntil('the connection is given up', () => proxy.connectionCount > connectionCount);
      const waitedMs = stage.clock.monotonicMs() - sentAtMs;
      assert.ok(waitedMs > leastMs - 50, `${waitedMs} ms on a connection, ${leastMs} ms are due`);
      proxy.cut();
      held = proxy.holdBefore(holdsText('event.suite.record'), 0);
      proxy.release();
    }
    await held;
    proxy.release();
    await lane.drain();
    assert.equal((await broker.take(place.queue)).length, 1);
  });

  test('a record over which the broker closes the channel is found among those beside it', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace();
    const rabbitmq = await server();
    const user = uniqueName('user');
    await rabbitmq.control('add_user', user, 'secret');
    await rabbitmq.control('set_permissions', user, '.*', '.*', '.*');
    await rabbitmq.control('set_topic_permissions', user, place.exchange, '^event\\.order\\.', '.*');
    const auth = { kind: 'password', user, password: () => Promise.resolve('secret') } as const;
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: rabbitmqSink(await optionsOf(place, { auth })) });
    for (let number = 0; number < 20; number += 1) {
      const record = suiteRecord({ key: `${number}`, number });
      assert.ok(record.kind === 'event');
      const type = number === 13 ? 'other' : 'order.placed';
      stage.journal.append([{ kind: 'event', event: { ...record.event, type } }]);
    }
    await lane.start();
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    const { lastFailure } = lane.status();
    assert.equal(lastFailure?.error.code, 'HW-RABBITMQ-005');
    assert.match(lastFailure.error.message, /record 0 of sequence 14/);
  });

  test('an exchange that is deleted under way is named', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const place = await broker.createPlace();
    await using sink = await openSink(place);
    await write(sink, 'id-1');
    await broker.channel.deleteExchange(place.exchange);
    await assert.rejects(write(sink, 'id-2'), withCode('HW-RABBITMQ-006', /no exchange/));
  });
});

describe('the places of a RabbitMQ lane', { skip }, () => {
  test('a missing exchange or queue is named with the command that makes it', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const { exchange, queue } = await broker.createPlace();
    const missing = uniqueName('missing');
    await assert.rejects(
      openSink({ exchange: missing, queue }),
      withCode('HW-RABBITMQ-006', new RegExp(`declare exchange name=${missing}`)),
    );
    await assert.rejects(
      openSink({ exchange, queue: missing }),
      withCode('HW-RABBITMQ-006', new RegExp(`declare queue name=${missing}.*quorum`)),
    );
  });

  test('a queue that one node keeps alone is refused, or named in the log when the option says so', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const exchange = await broker.createExchange();
    const limits = { 'x-max-length': 1000, 'x-message-ttl': 60_000, 'x-dead-letter-exchange': 'dead' };
    const plain = uniqueName('classic');
    await broker.channel.assertQueue(plain, { durable: true });
    const limited = uniqueName('limited');
    await broker.channel.assertQueue(limited, { durable: true, arguments: { ...limits, 'x-max-priority': 4 } });
    for (const queue of [plain, limited]) {
      await broker.channel.bindQueue(queue, exchange, '#');
      await assert.rejects(openSink({ exchange, queue }), withCode('HW-RABBITMQ-007', /of type classic/));
    }
    const warnings: string[] = [];
    const logger = { ...testContext('x').logger, warn: (text: string) => void warnings.push(text) };
    await using sink = await openSink({ exchange, queue: plain }, { queueCheck: 'warn' }, { logger });
    await write(sink, 'id-1');
    assert.deepEqual(warnings, ['queue is not known to be replicated']);
    assert.equal((await broker.take(plain)).length, 1);
  });

  test('a queue that does not outlive the broker or its consumers is refused whatever the option says', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const exchange = await broker.createExchange();
    const [transient, fleeting, exclusive] = [uniqueName('t'), uniqueName('f'), uniqueName('e')];
    await broker.channel.assertQueue(transient, { durable: false });
    await broker.channel.assertQueue(fleeting, { durable: true, autoDelete: true });
    await broker.channel.assertQueue(exclusive, { exclusive: true });
    for (const [queue, reason] of [
      [transient, /is not durable/],
      [fleeting, /deleted with its last consumer/],
      [exclusive, /RESOURCE_LOCKED/],
    ] as const) {
      await assert.rejects(openSink({ exchange, queue }, { queueCheck: 'warn' }), withCode('HW-RABBITMQ-007', reason));
    }
  });

  test('quorum queues with any arguments and streams are taken; what drops messages is named', async () => {
    await using broker = await TestBroker.open((await server()).url);
    const exchange = await broker.createExchange();
    const limited = { 'x-max-length': 100_000, 'x-delivery-limit': 5, 'x-dead-letter-exchange': 'dead' };
    const queues = [
      await broker.createQueue(undefined, limited),
      await broker.createQueue(undefined, { 'x-queue-type': 'stream' }),
    ];
    for (const queue of queues) await broker.channel.bindQueue(queue, exchange, '#');
    const warnings: unknown[] = [];
    const logger = { ...testContext('x').logger, warn: (...words: unknown[]) => void warnings.push(words) };
    await using sink = await openSink({ exchange, queue: '' }, { queues }, { logger });
    await write(sink, 'id-1');
    assert.deepEqual(warnings, [['queue drops messages by itself', { queue: queues[0], arguments: 'x-max-length' }]]);
  });
});

describe('the login of a RabbitMQ lane', { skip }, () => {
  test('a missing virtual host and a missing right are told from a wrong password', async () => {
    const rabbitmq = await server();
    const place = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
    await assert.rejects(openSink(place, { vhost: 'no/such' }), withCode('HW-RABBITMQ-019'));
    const user = uniqueName('user');
    await rabbitmq.control('add_user', user, 'secret');
    const auth = { kind: 'password', user, password: 'secret' } as const;
    await assert.rejects(openSink(place, { auth }), withCode('HW-RABBITMQ-019'));
    await rabbitmq.control('set_permissions', user, '^$', '.*', '^$');
    await assert.rejects(openSink(place, { auth }), withCode('HW-RABBITMQ-007', /no right to configure/));
    {
      await using sink = await openSink(place, { auth, queueCheck: 'warn' });
      await write(sink, 'id-1');
    }
    await rabbitmq.control('set_permissions', user, '^$', '^$', '^$');
    await using sink = await openSink(place, { auth, queueCheck: 'warn' });
    await assert.rejects(write(sink, 'id-2'), withCode('HW-RABBITMQ-005', /access/i));
  });

  test('nobody who listens is waited for', async () => {
    const place = { exchange: 'x', queue: 'q' };
    await using proxy = await FaultProxy.start(addressOf((await server()).url));
    proxy.refuse(true);
    await assert.rejects(openSink(place, { servers: `127.0.0.1:${proxy.port}` }), withCode('HW-RABBITMQ-003'));
  });
});
