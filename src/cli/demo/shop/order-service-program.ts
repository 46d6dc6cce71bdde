import pg from 'pg';

import { HeadwaterError } from '../../../foundation/error.ts';
import { type ProgramSettings, requireSetting, runChildProgram } from '../child-program.ts';
import type { JsonAnswer } from '../json-request.ts';
import { createJsonServer } from '../json-server.ts';
import type { Order } from './order-events.ts';

/*
 * The shop's order service: a pool, two routes, and one of two versions of the same two functions. Both versions run here,
 * under the same load and the same kills.
 */

runChildProgram(async (settings) => {
  const db = new pg.Pool({ connectionString: requireSetting(settings, 'shopUrl'), max: 20 });
  db.on('error', () => undefined); // An idle connection was lost; the pool makes a new one.
  const { placeOrder, payOrder } = await loadOrders(settings);
  const server = createJsonServer(Number(requireSetting(settings, 'port')), async (method, url, body) => {
    const order = parseOrder(body);
    const take = url.pathname === '/orders' ? placeOrder : payOrder;
    return method === 'POST' && order !== undefined ? answer(take(db, order)) : { statusCode: 400, body: {} };
  });
  await Promise.all([server.listen(), db.query('select 1')]);
  return {
    async stop() {
      await server.drain();
      await db.end();
    },
  };
});

async function loadOrders(settings: ProgramSettings): Promise<typeof import('./naive-orders.ts')> {
  if (requireSetting(settings, 'version') === 'emitting') return import('./emitting-orders.ts');
  const { connectStores } = await import('./published-stores.ts');
  await connectStores(settings);
  return import('./naive-orders.ts');
}

/** A repeated request finds its row there already: to the customer that is a success. */
async function answer(work: Promise<void>): Promise<JsonAnswer> {
  try {
    await work;
    return { statusCode: 200, body: {} };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '23505') return { statusCode: 409, body: {} };
    return { statusCode: 503, body: { error: HeadwaterError.from(error).message } };
  }
}

function parseOrder(body: unknown): Order | undefined {
  if (typeof body !== 'object' || body === null || !('id' in body) || !('total' in body)) return undefined;
  const { id, total } = body;
  return typeof id === 'string' && typeof total === 'string' ? { id, total } : undefined;
}
