import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { type Order, SoldOut } from './order.ts';
import { publish } from './publish.ts';
import { serve } from './serve.ts';

interface Tables {
  readonly stock: { readonly article: string; readonly available: number };
  readonly orders: Order;
}

const pool = new Pool({ connectionString: process.env['DATABASE_URL'] });
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });

await serve(async (order) => {
  await db.transaction().execute(async (tx) => {
    const [taken] = await tx
      .updateTable('stock')
      .set((stock) => ({ available: stock('available', '-', order.quantity) }))
      .where('article', '=', order.article)
      .where('available', '>=', order.quantity)
      .execute();
    if (taken?.numUpdatedRows === 0n) throw new SoldOut();
    await tx.insertInto('orders').values(order).execute();
  });
  await publish('order.placed', order);
});
