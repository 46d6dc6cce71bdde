import pg from 'pg';
import { z } from 'zod';
import { defineEvents, transact } from '../src/index.ts';
import { guardTransactions } from '../src/guard.ts';

// Once, where the process starts. In production it is off unless you say otherwise.
guardTransactions();

const events = defineEvents({
  'order.placed': z.object({ orderId: z.string() }),
});
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });

/** The mistake: the bank is told although the order may yet be rolled back, and told again when it is run again. */
async function placeOrderAndCall(orderId: string): Promise<void> {
  await transact(pool, async (tx) => {
    await tx.query('insert into orders (id) values ($1)', [orderId]);
    await fetch(`${process.env['BANK_URL']}/charges`, { method: 'POST', body: orderId });
  });
}

/** The fix: one commit; a sink tells the bank. */
async function placeOrder(orderId: string): Promise<void> {
  await transact(pool, async (tx, { emit }) => {
    await tx.query('insert into orders (id) values ($1)', [orderId]);
    await emit(events['order.placed'], { orderId }, { key: orderId });
  });
}

try {
  await placeOrder('17');
  await placeOrderAndCall('18');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
} finally {
  await pool.end();
}
