import { once } from 'node:events';
import express from 'express';
import pg from 'pg';
import { z } from 'zod';
import { defineEvents, emit } from '../src/emit.ts';
import { toExpress } from '../src/http.ts';
import { createIdempotency, Refusal } from '../src/idempotency.ts';

const events = defineEvents({
  'order.placed': z.object({ orderId: z.string(), article: z.string() }),
  'order.paid': z.object({ orderId: z.string(), chargeId: z.string() }),
});
const Order = z.object({ article: z.string() });

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const leaseMs = Number(process.env['LEASE_MS'] ?? 30_000);
const idempotency = createIdempotency(pool, {
  leaseMs,
  // Whose key it is: what your authentication says.
  principal: (request) => request.headers.get('authorization') ?? new Response('who are you?', { status: 401 }),
  onFailure: (error, attempt) => console.error(attempt.operation, attempt.attempt, error),
});

async function parse(request: Request) {
  const order = Order.safeParse(await request.json().catch(() => undefined));
  return order.success ? order.data : Response.json({ error: 'article is missing' }, { status: 400 });
}

async function placeOrder(tx: pg.PoolClient, article: string): Promise<string> {
  const taken = await tx.query('update stock set count = count - 1 where article = $1 and count > 0', [article]);
  if (taken.rowCount === 0) throw new Refusal(Response.json({ error: 'sold out' }, { status: 410 }));
  const { rows } = await tx.query<{ id: string }>('insert into orders (article) values ($1) returning id', [article]);
  const orderId = String(rows[0]?.id);
  await emit(tx, events['order.placed'], { orderId, article }, { key: orderId });
  return orderId;
}

// Effects in your database alone: one transaction holds them, the event and the answer.
const place = idempotency.handler({
  name: 'orders.place',
  safety: 'keyed',
  parse,
  async transaction(tx, { input }) {
    const orderId = await placeOrder(tx, input.article);
    return Response.json({ orderId }, { status: 201, headers: { location: `/orders/${orderId}` } });
  },
});

// Effects elsewhere too: steps, each done once. A kill between two of them goes on behind the last that was done.
const buy = idempotency.handler({
  name: 'orders.buy',
  safety: 'keyed',
  parse,
  async phases(run) {
    const orderId = await run.phase('order', (tx) => placeOrder(tx, run.input.article));
    const chargeId = await run.call('charge', (key, signal) => charge(orderId, key, signal));
    await run.phase('paid', async (tx) => {
      await tx.query('update orders set charge = $2 where id = $1', [orderId, chargeId]);
      await emit(tx, events['order.paid'], { orderId, chargeId }, { key: orderId });
    });
    return Response.json({ orderId, chargeId }, { status: 201 });
  },
});

// The provider is given the key of this call, not the client's.
async function charge(orderId: string, key: string, signal: AbortSignal): Promise<string> {
  const headers = { 'idempotency-key': `"${key}"`, 'content-type': 'application/json' };
  const body = JSON.stringify({ orderId });
  const response = await fetch(process.env['PROVIDER_URL'] ?? '', { method: 'POST', headers, body, signal });
  if (response.status === 402) throw new Refusal(Response.json({ error: 'declined' }, { status: 402 }));
  if (!response.ok) throw new Error(`the provider answered ${response.status}`);
  return z.object({ chargeId: z.string() }).parse(await response.json()).chargeId;
}

const app = express();
app.post('/orders', toExpress(place));
app.post('/purchases', toExpress(buy));
const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
await once(server, 'listening');

// Finishes what a client never asked for again, and forgets what has expired.
const completer = idempotency.startCompleter({
  intervalMs: leaseMs,
  graceMs: leaseMs,
  onError: (error) => console.error('completer', error),
});
console.log(`listening on ${JSON.stringify(server.address())}`);
await once(process, 'SIGTERM');
server.close();
await completer[Symbol.asyncDispose]();
