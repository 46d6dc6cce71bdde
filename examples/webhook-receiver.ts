import { createServer, type IncomingMessage } from 'node:http';
import pg from 'pg';
import { HeadwaterError } from '../src/index.ts';
import { verifyWebhook } from '../src/webhook.ts';

const secret = process.env['WEBHOOK_SECRET'] ?? '';
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
await pool.query('create table if not exists received (id text primary key, at timestamptz not null default now())');
await pool.query('create table if not exists parcels (order_id text not null)');

createServer((request, response) => {
  void receive(request)
    .catch(() => 500) // it comes again
    .then((statusCode) => response.writeHead(statusCode).end());
}).listen(Number(process.env['PORT'] ?? 8080));

async function receive(request: IncomingMessage): Promise<number> {
  const body = Buffer.concat(await request.toArray());
  try {
    const { id } = verifyWebhook(request.headers, body, secret);
    await takeEffect(id, JSON.parse(body.toString()) as { data: { orderId: string } });
    return 204;
  } catch (error) {
    if (error instanceof HeadwaterError) return 401; // not signed by whom we know
    throw error;
  }
}

async function takeEffect(id: string, message: { data: { orderId: string } }): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rowCount } = await client.query('insert into received (id) values ($1) on conflict do nothing', [id]);
    if (rowCount === 1) await client.query('insert into parcels (order_id) values ($1)', [message.data.orderId]);
    await client.query('commit');
    client.release();
  } catch (error) {
    client.release(true); // and with the connection the transaction
    throw error;
  }
}
