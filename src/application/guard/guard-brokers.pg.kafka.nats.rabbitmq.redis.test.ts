import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { connect as connectNats } from '@nats-io/transport-node';
import { Producer } from '@platformatic/kafka';
import { createClient } from '@redis/client';
import { connect as connectRabbitmq } from 'amqplib';
import pg from 'pg';

import {
  createTestDatabase,
  kafkaBrokers,
  natsServers,
  rabbitmqUrl,
  redisUrl,
  skipReason,
  type TestDatabase,
} from '../../../scripts/services/testing.ts';
import { TestTopics } from '../../delivery/sinks/kafka/testing/test-topics.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { transact } from '../transact/transact.ts';
import { guardTransactions, type NetworkCall } from './guard-transactions.ts';

/** A client that was connected before there was a guard. */
interface ConnectedClient extends AsyncDisposable {
  publish(): Promise<unknown>;
}

const skip = await skipReason('postgres18');
const skips = {
  redis: await skipReason('redis'),
  kafka: await skipReason('kafka'),
  nats: await skipReason('nats'),
  rabbitmq: await skipReason('rabbitmq'),
};

describe('a guard and the client of a broker that was connected before', { skip }, () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  before(async () => {
    database = await createTestDatabase({ major: 18 });
    pool = new pg.Pool({ connectionString: database.url });
    await database.query('create table orders (id text)');
  });
  after(async () => {
    await pool.end();
    await database[Symbol.asyncDispose]();
  });

  const fails =
    (
      { protocol, tells }: { readonly protocol: string; readonly tells: boolean },
      open: () => Promise<ConnectedClient>,
    ) =>
    async (): Promise<void> => {
      await using client = await open();
      const calls: NetworkCall[] = [];
      {
        using _ = guardTransactions({ mode: 'throw', report: (_error, call) => calls.push(call) });
        await client.publish();
        assert.equal(calls.length, 0, 'nothing is wrong with it outside of a transaction');
        await assert.rejects(
          transact(pool, async (tx) => {
            await tx.query(`insert into orders values ('1')`);
            await client.publish();
          }),
          (error: unknown) => error instanceof HeadwaterError && error.code === 'HW-GUARD-001',
        );
        const { outcome } = await transact(pool, async (tx) => {
          await tx.query(`insert into orders values ('2')`);
        });
        assert.equal(outcome, 'committed');
        await client.publish();
      }
      assert.deepEqual(await database.query('select id from orders'), [{ id: '2' }]);
      await database.query('truncate orders');
      assert.deepEqual(new Set(calls.map((call) => call.protocol)), new Set([protocol]));
      assert.match(calls[0]?.unitStack ?? '', /guard-brokers/);
      if (tells) assert.match(calls[0]?.stack ?? '', /publish .*guard-brokers/);
      for (const { target } of calls)
        assert.match(target, /^127\.0\.0\.1:\d+$|^localhost:\d+$|^the brokers of client guarded$/);
    };

  it(
    'fails a unit that sends a command to Redis, with the stack of the command',
    { skip: skips.redis },
    fails({ protocol: 'redis', tells: true }, async () => {
      const client = createClient({ url: await redisUrl() });
      await client.connect();
      return {
        publish: () => client.publish('orders', 'placed'),
        [Symbol.asyncDispose]: async () => client.destroy(),
      };
    }),
  );

  it(
    'fails a unit that sends to Kafka, with the stack of the call',
    { skip: skips.kafka },
    fails({ protocol: 'kafka', tells: true }, async () => {
      const brokers = await kafkaBrokers();
      const topics = await TestTopics.open(brokers);
      const topic = await topics.create('guarded', 1);
      const producer = new Producer({ clientId: 'guarded', bootstrapBrokers: brokers });
      return {
        publish: () => producer.send({ messages: [{ topic, value: Buffer.from('placed') }] }),
        async [Symbol.asyncDispose]() {
          await producer.close();
          await topics[Symbol.asyncDispose]();
        },
      };
    }),
  );

  it(
    'fails a unit that publishes to NATS',
    { skip: skips.nats },
    fails({ protocol: 'nats', tells: false }, async () => {
      const connection = await connectNats({ servers: await natsServers() });
      return {
        async publish() {
          connection.publish('orders', 'placed');
          await connection.flush();
        },
        [Symbol.asyncDispose]: () => connection.close(),
      };
    }),
  );

  it(
    'fails a unit that publishes to RabbitMQ',
    { skip: skips.rabbitmq },
    fails({ protocol: 'amqp', tells: false }, async () => {
      const connection = await connectRabbitmq(await rabbitmqUrl());
      const channel = await connection.createConfirmChannel();
      return {
        async publish() {
          channel.publish('', 'nobody', Buffer.from('placed'));
          await channel.waitForConfirms();
        },
        [Symbol.asyncDispose]: () => connection.close(),
      };
    }),
  );
});
