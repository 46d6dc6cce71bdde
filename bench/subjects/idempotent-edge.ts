/**
 * Express over a pool, with one route that inserts a row in a transaction. Another thread sends the requests, each with a key of its own.
 *
 *   node bench/subjects/idempotent-edge.ts URL keyed|plain|middleware COUNT
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import express from 'express';
import * as middleware from 'express-idempotency';
import pg from 'pg';

import { toExpress } from '../../src/application/http/express.ts';
import { createIdempotency } from '../../src/application/idempotency/idempotency.ts';
import { startThread } from '../measure/start-thread.ts';
import { type EdgeKind, edgeKinds } from '../workload/edge-kinds.ts';

const [url = '', given = '', countText = '0'] = process.argv.slice(2);
const kind = edgeKinds.find((known) => known === given);
const count = Number(countText);
const pool = new pg.Pool({ connectionString: url, max: 16 });

async function insert(tx: pg.PoolClient, note: string): Promise<{ readonly id: string }> {
  const { rows } = await tx.query<{ id: string }>('insert into orders (note) values ($1) returning id', [note]);
  return { id: rows[0]?.id ?? '' };
}

const keyed = (): express.RequestHandler =>
  toExpress(
    createIdempotency(pool, { principal: () => 'bench', onFailure: (error) => console.error(error) }).handler({
      name: 'orders',
      safety: 'keyed',
      parse: (request) => request.json() as Promise<{ readonly note: string }>,
      transaction: async (tx, { input }) => Response.json(await insert(tx, input.note), { status: 201 }),
    }),
  );

const plain: express.RequestHandler = async (request, response) => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const order = await insert(client, (request.body as { readonly note: string }).note);
    await client.query('commit');
    response.status(201).json(order);
  } finally {
    client.release();
  }
};

const routes: Readonly<Record<EdgeKind, () => readonly express.RequestHandler[]>> = {
  keyed: () => [keyed()],
  plain: () => [plain],
  middleware: () => [middleware.idempotency() as express.RequestHandler, plain],
};

if (kind === undefined) throw new Error(`no edge is called ${given}`);
const app = express()
  .use(express.json())
  .post('/orders', ...routes[kind]());
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const thread = startThread('request-worker', { url: `http://127.0.0.1:${port}/orders`, count });
const [seconds] = (await once(thread, 'message')) as readonly number[];
await thread.terminate();
server.close();
server.closeAllConnections();
await pool.end();
process.stdout.write(`${JSON.stringify({ rows: count, seconds })}\n`);
