import { PrismaPg } from '@prisma/adapter-pg';
import { SoldOut } from './order.ts';
import { PrismaClient } from './prisma-client/client.ts';
import { publish } from './publish.ts';
import { serve } from './serve.ts';

const adapter = new PrismaPg({ connectionString: process.env['DATABASE_URL'] });
const prisma = new PrismaClient({ adapter });

await serve(async (order) => {
  await prisma.$transaction(async (tx) => {
    const taken = await tx.stock.updateMany({
      where: { article: order.article, available: { gte: order.quantity } },
      data: { available: { decrement: order.quantity } },
    });
    if (taken.count === 0) throw new SoldOut();
    await tx.order.create({ data: order });
  });
  await publish('order.placed', order);
});
