import type { Pool } from 'pg';

import { emit } from '../../../application/emit/emit.ts';
import { inTransaction } from './in-transaction.ts';
import { events, type Order } from './order-events.ts';

/** Takes an order. */
export async function placeOrder(db: Pool, order: Order): Promise<void> {
  await inTransaction(db, async (tx) => {
    await tx.query('insert into orders (id, total) values ($1, $2)', [order.id, order.total]);
    await emit(tx, events['order.placed'], order, { key: order.id });
  });
}

/** Takes the payment. */
export async function payOrder(db: Pool, order: Order): Promise<void> {
  await inTransaction(db, async (tx) => {
    await tx.query('insert into payments (order_id, amount) values ($1, $2)', [order.id, order.total]);
    await emit(tx, events['order.paid'], order, { key: order.id });
  });
}
