import pg from 'pg';
import { z } from 'zod';
import { defineEvents, emit } from '../src/emit.ts';

const events = defineEvents({
  'order.placed': z.object({ orderId: z.string(), total: z.string() }),
});

const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await client.connect();
await client.query('begin');
try {
  await client.query('insert into orders (id, total) values ($1, $2)', ['17', '12.50']);
  await emit(client, events['order.placed'], { orderId: '17', total: '12.50' }, { key: '17' });
  await client.query('commit');
} catch (error) {
  await client.query('rollback');
  throw error;
} finally {
  await client.end();
}
