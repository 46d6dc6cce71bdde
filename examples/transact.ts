import pg from 'pg';
import { z } from 'zod';
import { defineEvents, readOutcome, transact } from '../src/index.ts';

const events = defineEvents({
  'order.placed': z.object({ orderId: z.string(), total: z.string() }),
});
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });

try {
  const { token } = await transact(pool, async (tx, { emit }) => {
    await tx.query('insert into orders (id, total) values ($1, $2)', ['17', '12.50']);
    await emit(events['order.placed'], { orderId: '17', total: '12.50' }, { key: '17' });
  });
  process.stdout.write(`committed ${token}\n`);
} catch (error) {
  process.stdout.write(`${readOutcome(error)}\n`);
  throw error;
} finally {
  await pool.end();
}
