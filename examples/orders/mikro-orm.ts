import { defineEntity, MikroORM, p, raw } from '@mikro-orm/postgresql';
import { emit } from '../../src/emit.ts';
import { events, SoldOut } from './order.ts';
import { serve } from './serve.ts';

const Stock = defineEntity({
  name: 'Stock',
  tableName: 'stock',
  properties: { article: p.text().primary(), available: p.integer() },
});
const Orders = defineEntity({
  name: 'Orders',
  tableName: 'orders',
  properties: { id: p.text().primary(), article: p.text(), quantity: p.integer() },
});
const orm = await MikroORM.init({ clientUrl: process.env['DATABASE_URL'] ?? '', entities: [Stock, Orders] });

await serve(async (order) => {
  await orm.em.fork().transactional(async (tx) => {
    const taken = await tx.nativeUpdate(
      Stock,
      { article: order.article, available: { $gte: order.quantity } },
      { available: raw<number>('available - ?', [order.quantity]) },
    );
    if (taken === 0) throw new SoldOut();
    await tx.insert(Orders, order);
    await emit(tx, events['order.placed'], order, { key: order.id });
  });
});
