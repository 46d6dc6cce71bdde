import knex from 'knex';
import { emit } from '../../src/emit.ts';
import { events, SoldOut } from './order.ts';
import { serve } from './serve.ts';

const db = knex({ client: 'pg', connection: process.env['DATABASE_URL'] ?? '' });

await serve(async (order) => {
  await db.transaction(async (tx) => {
    const taken = await tx('stock')
      .where({ article: order.article })
      .where('available', '>=', order.quantity)
      .decrement('available', order.quantity);
    if (taken === 0) throw new SoldOut();
    await tx('orders').insert(order);
    await emit(tx, events['order.placed'], order, { key: order.id });
  });
});
