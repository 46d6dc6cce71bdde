import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { natsServers, type PrivateNats, skipReason, startPrivateNats } from './testing.ts';

async function use<Value>(address: string, work: (connection: NatsConnection) => Promise<Value>): Promise<Value> {
  const connection = await connect({ servers: address, reconnect: false });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

function messageCount({ address }: PrivateNats): Promise<number> {
  return use(address, async (connection) => {
    const info = await (await jetstreamManager(connection)).streams.info('KEPT');
    return info.state.messages;
  });
}

describe('NATS', { skip: await skipReason('nats', 'privateNats') }, () => {
  test('the shared server has JetStream', async () => {
    const limits = await use(await natsServers(), async (connection) =>
      (await jetstreamManager(connection)).getAccountInfo(),
    );
    assert.ok(limits.limits.max_storage !== 0);
  });

  test('a private server keeps its address and what it acknowledged over a stop and over a kill', async () => {
    const nats = await startPrivateNats();
    await use(nats.address, async (connection) => {
      await (await jetstreamManager(connection)).streams.add({ name: 'KEPT', subjects: ['kept.>'] });
      for (let count = 0; count < 10; count += 1) await jetstream(connection).publish('kept.one', 'x');
    });
    await nats.restart();
    assert.equal(await messageCount(nats), 10);
    await nats.kill();
    assert.equal(nats.isRunning, false);
    await nats.restart();
    assert.equal(await messageCount(nats), 10);
    await nats[Symbol.asyncDispose]();
    await assert.rejects(access(nats.directory));
  });
});
