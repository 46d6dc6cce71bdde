import pg from 'pg';
import { SoldOut } from './order.ts';
import { publish } from './publish.ts';
import { serve } from './serve.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });

await serve(async (order) => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const taken = await client.query(
      'update stock set available = available - $2 where article = $1 and available >= $2',
      [order.article, order.quantity],
    );
    if (taken.rowCount === 0) throw new SoldOut();
    await client.query('insert into orders values ($1, $2, $3)', [order.id, order.article, order.quantity]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
  await publish('order.placed', order);
});
