import postgres from 'postgres';
import { emit } from '../../src/emit.ts';
import { events, SoldOut } from './order.ts';
import { serve } from './serve.ts';

const sql = postgres(process.env['DATABASE_URL'] ?? '');

await serve(async (order) => {
  await sql.begin(async (tx) => {
    const taken = await tx`
      update stock set available = available - ${order.quantity}
      where article = ${order.article} and available >= ${order.quantity}`;
    if (taken.count === 0) throw new SoldOut();
    await tx`insert into orders ${tx(order)}`;
    await emit(tx, events['order.placed'], order, { key: order.id });
  });
});
