import { DataSource, EntitySchema, MoreThanOrEqual } from 'typeorm';
import { type Order, SoldOut } from './order.ts';
import { publish } from './publish.ts';
import { serve } from './serve.ts';

const Stock = new EntitySchema<{ article: string; available: number }>({
  name: 'stock',
  columns: { article: { type: 'text', primary: true }, available: { type: 'integer' } },
});
const Orders = new EntitySchema<Order>({
  name: 'orders',
  columns: { id: { type: 'text', primary: true }, article: { type: 'text' }, quantity: { type: 'integer' } },
});
const dataSource = new DataSource({
  type: 'postgres',
  url: process.env['DATABASE_URL'] ?? '',
  entities: [Stock, Orders],
});
await dataSource.initialize();

await serve(async (order) => {
  await dataSource.transaction(async (tx) => {
    const enough = { article: order.article, available: MoreThanOrEqual(order.quantity) };
    const taken = await tx.decrement(Stock, enough, 'available', order.quantity);
    if (taken.affected === 0) throw new SoldOut();
    await tx.insert(Orders, order);
  });
  await publish('order.placed', order);
});
