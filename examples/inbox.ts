import { Consumer } from '@platformatic/kafka';
import pg from 'pg';
import { z } from 'zod';
import { defineEvents, emit } from '../src/emit.ts';
import { inbox } from '../src/inbox.ts';
import { consumeKafka } from '../src/kafka.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const events = defineEvents({ 'stock.reserved': z.object({ orderId: z.string() }) });
const days = 86_400_000;

const reserveStock = inbox(
  'stock', // the consumer's name: it stays the same
  {
    db: pool,
    payload: z.object({ orderId: z.string(), sku: z.string() }),
    redeliveryMaxMs: 7 * days, // the topic's retention
  },
  async (client, message) => {
    const { orderId, sku } = message.payload;
    const { rowCount } = await client.query('update stock set free = free - 1 where sku = $1 and free > 0', [sku]);
    if (rowCount === 0) message.reject(`nothing is left of ${sku}`);
    await emit(client, events['stock.reserved'], { orderId }, { key: orderId });
  },
);

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

await consumeKafka({
  inbox: reserveStock,
  topics: ['orders'],
  signal: stop.signal,
  connect: () =>
    new Consumer({
      groupId: 'stock',
      clientId: 'stock',
      sessionTimeout: 10_000, // how soon another one takes over from one that died
      bootstrapBrokers: (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(','),
    }),
});
await pool.end();
