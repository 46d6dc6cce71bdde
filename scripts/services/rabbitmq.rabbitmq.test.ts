import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { type ConfirmChannel, connect } from 'amqplib';
import { rabbitmqUrl, skipReason, startPrivateRabbitmq } from './testing.ts';

async function use<Value>(url: string, work: (channel: ConfirmChannel) => Promise<Value>): Promise<Value> {
  const connection = await connect(url);
  try {
    return await work(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}

describe('RabbitMQ', { skip: await skipReason('rabbitmq', 'privateRabbitmq') }, () => {
  test('the shared server has quorum queues', async () => {
    const made = await use(await rabbitmqUrl(), (channel) =>
      channel.assertQueue('quorum-of-the-shared-server', { arguments: { 'x-queue-type': 'quorum' } }),
    );
    assert.equal(made.messageCount, 0);
  });

  test('a private server keeps its address and what it confirmed over a stop and over a kill', async () => {
    const rabbitmq = await startPrivateRabbitmq();
    await use(rabbitmq.url, async (channel) => {
      await channel.assertQueue('kept', { arguments: { 'x-queue-type': 'quorum' } });
      for (let count = 0; count < 10; count += 1) channel.sendToQueue('kept', Buffer.from('x'), { persistent: true });
      await channel.waitForConfirms();
    });
    await rabbitmq.restart();
    assert.equal(await countMessages(rabbitmq.url), 10);
    await rabbitmq.kill();
    assert.equal(rabbitmq.isRunning, false);
    await rabbitmq.restart();
    assert.equal(await countMessages(rabbitmq.url), 10);
    await rabbitmq[Symbol.asyncDispose]();
    await assert.rejects(access(rabbitmq.directory));
  });
});

/** Takes all of them out: what a queue says of its length is late. */
function countMessages(url: string): Promise<number> {
  return use(url, async (channel) => {
    let count = 0;
    for (; (await channel.get('kept')) !== false; count += 1);
    return count;
  });
}
