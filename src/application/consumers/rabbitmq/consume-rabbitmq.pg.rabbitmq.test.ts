import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type ChannelModel, connect } from 'amqplib';
import { rabbitmqUrl, skipReason } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { TestBroker } from '../../../delivery/sinks/rabbitmq/testing/test-broker.ts';
import { type InboxStage, openInboxStage } from '../../inbox/testing/inbox-stage.ts';
import { consumedInbox, runConsumer, type RunningConsumer } from '../testing/consumed-inbox.ts';
import { killAt, killPoints } from '../testing/kill-points.ts';
import { consumeRabbitmq, type RabbitmqConsumerOptions } from './consume-rabbitmq.ts';

const skip = await skipReason('postgres18', 'rabbitmq');

describe('the RabbitMQ consumer', { skip }, () => {
  let stage: InboxStage;
  let url: string;
  let broker: TestBroker;
  before(async () => {
    stage = await openInboxStage();
    url = await rabbitmqUrl();
    broker = await TestBroker.open(url);
  });
  after(async () => {
    await broker[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    for (const table of ['effects', 'headwater.inbox', 'headwater.inbox_held']) {
      await stage.database.query(`truncate ${table}`);
    }
  });

  const fill = async (orderIds: readonly string[]): Promise<string> => {
    const queue = await broker.createQueue();
    for (const orderId of orderIds) {
      broker.channel.sendToQueue(queue, Buffer.from(JSON.stringify({ orderId })), {
        messageId: `id-${orderId}`,
        contentType: 'application/json',
        headers: {
          'headwater-version': '1',
          'headwater-id': `id-${orderId}`,
          'headwater-source': '7-1-0/0-0',
          'headwater-event-source': 'shop',
          'headwater-key': 'k',
        },
      });
    }
    return queue;
  };
  const start = (queue: string, options: Partial<RabbitmqConsumerOptions> = {}): RunningConsumer =>
    runConsumer((signal) =>
      consumeRabbitmq({ inbox: consumedInbox(stage.pool), signal, queue, connect: () => connect(url), ...options }),
    );
  /** What is in the queue behind a consumer that has ended: nothing that it has acknowledged. */
  const left = async (queue: string): Promise<number> => (await broker.channel.checkQueue(queue)).messageCount;

  test('takes messages in order, parks what it cannot take, and acknowledges all of it', async () => {
    const queue = await fill(['0', '1', 'poison', '2']);
    broker.channel.sendToQueue(queue, Buffer.from('foreign'));
    const billing = consumedInbox(stage.pool);
    {
      await using _ = start(queue, { inbox: billing });
      await waitUntil('all are taken', async () => billing.counts.done + billing.counts.parked === 5);
    }
    assert.deepEqual(await stage.effects(), ['0', '1', '2']);
    const reasons = (await billing.held()).map(({ reason }) => reason.split(':')[0]);
    assert.deepEqual(reasons.sort(), ['rejected', 'unreadable']);
    assert.equal(await left(queue), 0);
  });

  for (const point of killPoints) {
    test(`has one effect for each message when it is killed ${point}`, async () => {
      const queue = await fill(['0', '1', '2', '3']);
      await killAt({ kind: 'rabbitmq', databaseUrl: stage.url, server: url, source: queue, point, orderId: '2' });
      const billing = consumedInbox(stage.pool);
      {
        await using _ = start(queue, { inbox: billing });
        await waitUntil('all are taken', async () => (await stage.effects()).length === 4 && (await left(queue)) === 0);
        await waitUntil(
          'the repeated one is answered',
          async () => billing.counts.done + billing.counts.duplicate >= 2,
        );
      }
      assert.deepEqual(await stage.effects(), ['0', '1', '2', '3']);
      assert.equal(await left(queue), 0);
    });
  }

  test('connects again when its connection is lost, and goes on', async () => {
    const queue = await fill(['0']);
    const connections: ChannelModel[] = [];
    const open = async (): Promise<ChannelModel> => {
      const connection = await connect(url);
      connections.push(connection);
      return connection;
    };
    await using _ = start(queue, { connect: open });
    await waitUntil('the first is taken', async () => (await stage.effects()).length === 1);
    await connections[0]?.close();
    broker.channel.sendToQueue(queue, Buffer.from('{"orderId":"1"}'), {
      headers: { 'headwater-version': '1', 'headwater-id': 'id-1', 'headwater-source': '7-1-0/0-0' },
    });
    await waitUntil('the second is taken', async () => (await stage.effects()).length === 2);
    assert.equal(connections.length, 2);
  });
});
