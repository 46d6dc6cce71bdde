import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import { isProcessRunning } from '../../src/postgres/process-identity.ts';
import { readDirectoryOwner } from '../../src/postgres/server-directory.ts';
import { kafkaBrokers, type PrivateKafka, skipReason, startPrivateKafka } from './testing.ts';

async function useAdmin<Value>(brokers: readonly string[], work: (admin: Admin) => Promise<Value>): Promise<Value> {
  const admin = new Admin({ clientId: 'services-test', bootstrapBrokers: [...brokers], retries: 0 });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

async function produce({ brokers }: PrivateKafka, count: number): Promise<void> {
  const producer = new Producer({
    clientId: 'services-test',
    bootstrapBrokers: [...brokers],
    idempotent: true,
    acks: -1,
    serializers: stringSerializers,
  });
  try {
    const messages = Array.from({ length: count }, (_, index) => ({ topic: 'kept', key: 'k', value: String(index) }));
    await producer.send({ messages });
  } finally {
    await producer.close();
  }
}

function endOffset({ brokers }: PrivateKafka): Promise<bigint | undefined> {
  return useAdmin(brokers, async (admin) => {
    const partitions = [{ partitionIndex: 0, timestamp: -1n }];
    const [topic] = await admin.listOffsets({ topics: [{ name: 'kept', partitions }] });
    return topic?.partitions[0]?.offset;
  });
}

describe('Kafka', { skip: await skipReason('kafka', 'privateKafka') }, () => {
  test('the shared broker makes no topic by itself', async () => {
    await useAdmin(await kafkaBrokers(), async (admin) => {
      const topics = await admin.listTopics();
      assert.ok(topics.includes('headwater-warm-up'));
      await assert.rejects(admin.metadata({ topics: ['services-test-absent'] }));
    });
  });

  test('a private broker keeps its address and what it acknowledged over a stop and over a kill', async () => {
    const kafka = await startPrivateKafka();
    const { brokers } = kafka;
    await useAdmin(brokers, (admin) => admin.createTopics({ topics: ['kept'], partitions: 1, replicas: 1 }));
    await produce(kafka, 10);
    await kafka.stop();
    assert.equal(kafka.isRunning, false);
    await kafka.restart();
    assert.deepEqual(kafka.brokers, brokers);
    assert.equal(await endOffset(kafka), 10n);
    await produce(kafka, 5);

    const server = (await readDirectoryOwner(kafka.directory))?.server;
    assert.ok(server !== undefined && (await isProcessRunning(server)));
    await kafka.kill();
    assert.equal(await isProcessRunning(server), false);
    // A second restart must neither stop the first half-way nor be undone by its failure.
    await Promise.all([kafka.restart(), kafka.restart()]);
    assert.equal(kafka.isRunning, true);
    assert.equal(await endOffset(kafka), 15n);

    await kafka[Symbol.asyncDispose]();
    await assert.rejects(access(kafka.directory), { code: 'ENOENT' });
  });
});
