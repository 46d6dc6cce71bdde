import { emit } from '../../src/emit.ts';
import type { Client } from 'pg';
import { events } from './events.ts';

export async function placeOrder(client: Client, order: { id: string; total: string }): Promise<void> {
  await client.query('begin');
  try {
    await client.query('insert into orders (id, total) values ($1, $2)', [order.id, order.total]);
    await emit(client, events['order.placed'], { orderId: order.id, total: order.total }, { key: order.id });
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
