import { DataTypes, literal, Op, Sequelize } from 'sequelize';
import { emit } from '../../src/emit.ts';
import { events, SoldOut } from './order.ts';
import { serve } from './serve.ts';

const sequelize = new Sequelize(process.env['DATABASE_URL'] ?? '', { dialect: 'postgres', logging: false });
const Stock = sequelize.define(
  'stock',
  { article: { type: DataTypes.TEXT, primaryKey: true }, available: DataTypes.INTEGER },
  { timestamps: false, freezeTableName: true },
);
const Orders = sequelize.define(
  'orders',
  { id: { type: DataTypes.TEXT, primaryKey: true }, article: DataTypes.TEXT, quantity: DataTypes.INTEGER },
  { timestamps: false },
);

await serve(async (order) => {
  await sequelize.transaction(async (tx) => {
    const [taken] = await Stock.update(
      { available: literal(`available - ${order.quantity}`) },
      { where: { article: order.article, available: { [Op.gte]: order.quantity } }, transaction: tx },
    );
    if (taken === 0) throw new SoldOut();
    await Orders.create(order, { transaction: tx });
    await emit(tx, events['order.placed'], order, { key: order.id });
  });
});
