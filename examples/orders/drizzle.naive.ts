import { and, eq, gte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { SoldOut } from './order.ts';
import { publish } from './publish.ts';
import { serve } from './serve.ts';

const stock = pgTable('stock', { article: text().primaryKey(), available: integer().notNull() });
const orders = pgTable('orders', { id: text().primaryKey(), article: text(), quantity: integer() });
const db = drizzle(process.env['DATABASE_URL'] ?? '');

await serve(async (order) => {
  await db.transaction(async (tx) => {
    const taken = await tx
      .update(stock)
      .set({ available: sql`${stock.available} - ${order.quantity}` })
      .where(and(eq(stock.article, order.article), gte(stock.available, order.quantity)));
    if (taken.rowCount === 0) throw new SoldOut();
    await tx.insert(orders).values(order);
  });
  await publish('order.placed', order);
});
