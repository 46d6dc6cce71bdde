import postgres from 'postgres';
import { SoldOut } from './order.ts';
import { publish } from './publish.ts';
import { serve } from './serve.ts';

const sql = postgres(process.env['DATABASE_URL'] ?? '');

await serve(async (order) => {
  await sql.begin(async (tx) => {
    const taken = await tx`
      update stock set available = available - ${order.quantity}
      where article = ${order.article} and available >= ${order.quantity}`;
    if (taken.count === 0) throw new SoldOut();
    await tx`insert into orders ${tx(order)}`;
  });
  await publish('order.placed', order);
});
