import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Producer } from '@platformatic/kafka';

import { toPublishedImports } from '../../scripts/packaging/published-imports.ts';
import { skipReason, startPrivateKafka } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { openInboxStage } from '../../src/application/inbox/testing/inbox-stage.ts';
import { TestTopics } from '../../src/delivery/sinks/kafka/testing/test-topics.ts';

const exampleFile = new URL('../../examples/inbox.ts', import.meta.url);

test('the page on the inbox shows the example that is run here', async () => {
  const page = await readFile(new URL('../../docs/how-to/inbox.md', import.meta.url), 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
  assert.equal(shown, toPublishedImports(await readFile(exampleFile, 'utf8'), 'headwater'));
});

test(
  'the example takes stock once for each order, although it is killed, records come again, and its broker restarts',
  { skip: await skipReason('postgres18', 'privateKafka') },
  async () => {
    await using stage = await openInboxStage();
    await using kafka = await startPrivateKafka();
    const brokers = kafka.brokers;
    const topics = await TestTopics.open(brokers);
    await topics.createNamed('orders', 2);
    await topics[Symbol.asyncDispose]();
    await stage.database.query('create table stock (sku text primary key, free integer not null)');
    await stage.database.query(`grant select, update on stock to public`);
    await stage.database.query(`insert into stock values ('pen', 100)`);
    const free = async (): Promise<number> =>
      Number((await stage.database.query('select free from stock'))[0]?.['free']);
    const env = { ...process.env, DATABASE_URL: stage.url, KAFKA_BROKERS: brokers.join(',') };
    const start = (): ChildProcess => spawn(process.execPath, [fileURLToPath(exampleFile)], { env, stdio: 'inherit' });
    const end = async (child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown> => {
      const closed = once(child, 'close');
      child.kill(signal);
      return (await closed)[0];
    };
    let child = start();
    try {
      await send(brokers, 40);
      await waitUntil('some orders have their stock', async () => (await free()) < 95);
      await end(child, 'SIGKILL');
      child = start();
      await send(brokers, 40);
      await waitUntil('all orders have their stock', async () => (await free()) === 60, 60_000);
      await kafka.kill();
      await kafka.restart();
      await send(brokers, 50);
      await waitUntil('the further orders have theirs', async () => (await free()) === 50, 60_000);
      assert.equal(await end(child, 'SIGTERM'), 0);
      const [count] = await stage.database.query('select count(*)::int as receipts from headwater.inbox');
      assert.deepEqual(count, { receipts: 50 });
    } finally {
      if (child.exitCode === null) await end(child, 'SIGKILL');
    }
  },
);

/** The orders from 0 on, as the Kafka sink sends an event. */
async function send(brokers: readonly string[], orderCount: number): Promise<void> {
  const asText = (text?: string): Buffer => Buffer.from(text ?? '');
  const producer = new Producer<string, string, string, string>({
    clientId: 'sender',
    bootstrapBrokers: [...brokers],
    serializers: { key: asText, value: asText, headerKey: asText, headerValue: asText },
  });
  try {
    const messages = Array.from({ length: orderCount }, (_, order) => ({
      topic: 'orders',
      key: `${order}`,
      value: JSON.stringify({ orderId: `${order}`, sku: 'pen' }),
      headers: {
        'headwater-version': '1',
        'headwater-id': `id-${order}`,
        'headwater-source': '7-1-0/0-0',
        'headwater-event-source': 'shop',
      },
    }));
    await producer.send({ messages });
  } finally {
    await producer.close();
  }
}
