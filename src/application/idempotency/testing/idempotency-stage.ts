import assert from 'node:assert/strict';

import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { z } from 'zod';

import type { PostgresMajor } from '../../../../scripts/services/testing.ts';
import { type Clock, systemClock } from '../../../foundation/clock.ts';
import { recognizeTransactionHandle } from '../../../postgres/recognize-transaction.ts';
import type { TransactionLike } from '../../../postgres/transaction-handle.ts';
import { emit } from '../../emit/emit.ts';
import { defineEvents, type EventCatalogue } from '../../emit/events.ts';
import { createEventDatabase, type EventDatabase } from '../../testing/event-database.ts';
import { createIdempotency, type Idempotency } from '../idempotency.ts';
import type { FetchHandler } from '../../http/fetch-handler.ts';
import type { RunContext, TransactionOperation } from '../operation.ts';
import type { FailedAttempt, IdempotencyOptions } from '../settings.ts';
import { openHookedPool, type StatementHook } from './hooked-pool.ts';

/** Root objects of the libraries whose transactions are begun here. */
export const roots: Readonly<Record<string, (pool: Pool) => unknown>> = {
  pg: (pool) => pool,
  Drizzle: (pool) => drizzle(pool),
  Kysely: (pool) => new Kysely<unknown>({ dialect: new PostgresDialect({ pool: withListener(pool) }) }),
};

/** A client that loses its connection while it is lent emits `error`, and Kysely shows its clients to nobody. */
function withListener(pool: Pool): Pool {
  return pool.on('connect', (client) => client.on('error', () => undefined));
}

/** The event of an order. */
export const events: EventCatalogue<{ 'order.placed': z.ZodObject<{ note: z.ZodString }> }> = defineEvents({
  'order.placed': z.object({ note: z.string() }),
});

/** What an order asks for. */
export interface OrderInput {
  readonly note: string;
}

/** A database with a shop in it, and what happened in it. */
export interface IdempotencyStage extends AsyncDisposable {
  readonly events: EventDatabase;
  readonly pool: Pool;
  readonly failures: { readonly error: unknown; readonly attempt: FailedAttempt }[];
  /** Set by a test; every statement of the pool passes by it. */
  hook: StatementHook;
  open(options?: Partial<IdempotencyOptions>): Idempotency<TransactionLike>;
  countOrders(): Promise<number>;
  /** The only row of the table of keys. */
  readRow(): Promise<Record<string, unknown>>;
  /** Forgets keys and orders. */
  clear(): Promise<void>;
}

/** A clock by which a lease is never renewed: that of a process which stands still. */
export const stoppedClock: Clock = { ...systemClock, setTimer: () => ({ clear() {} }) };

/** Makes the database on the shared server. */
export async function createIdempotencyStage(
  major: PostgresMajor,
  root: (pool: Pool) => unknown,
): Promise<IdempotencyStage> {
  const eventDatabase = await createEventDatabase(major);
  const { database } = eventDatabase;
  const pool = openHookedPool(eventDatabase.applicationUrl, () => stage.hook);
  const db = root(pool);
  const stage: IdempotencyStage = {
    events: eventDatabase,
    pool,
    failures: [],
    hook: () => undefined,
    open: (options = {}) =>
      createIdempotency(db, {
        principal: (request) => request.headers.get('x-user') ?? 'ann',
        onFailure: (error, attempt) => stage.failures.push({ error, attempt }),
        ...options,
      }),
    async countOrders() {
      const [row] = await database.query<{ count: number }>('select count(*)::int as count from orders');
      return row?.count ?? 0;
    },
    async readRow() {
      const rows = await database.query('select * from headwater.idempotency_key');
      assert.equal(rows.length, 1);
      return rows[0] ?? {};
    },
    async clear() {
      stage.failures.length = 0;
      stage.hook = () => undefined;
      await database.query('truncate headwater.idempotency_key, orders');
      await eventDatabase.readEvents();
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await eventDatabase[Symbol.asyncDispose]();
    },
  };
  return stage;
}

/** One more order and its event. No unique column: a second effect is seen. */
export async function insertOrder(tx: TransactionLike, note: string): Promise<string> {
  const handle = recognizeTransactionHandle(tx);
  assert.ok(handle !== undefined);
  const [row] = await handle.query('insert into orders select gen_random_uuid()::text returning id', []);
  const id = String(row?.['id']);
  await emit(tx, events['order.placed'], { note }, { key: id });
  return id;
}

/** Reads `{ note }`; another body is refused with 400. */
export async function parseOrder(request: Request): Promise<OrderInput | Response> {
  const body = z.object({ note: z.string() }).safeParse(await request.json());
  return body.success ? body.data : Response.json({ error: 'note is missing' }, { status: 400 });
}

/** An operation that places one order, and whatever a test adds to it. */
export function orderOperation(
  transaction: (tx: TransactionLike, context: RunContext<OrderInput>) => Promise<Response> = placeOrder,
  name = 'orders.place',
): TransactionOperation<TransactionLike, OrderInput> {
  return { name, safety: 'keyed', parse: parseOrder, transaction };
}

/** Answers with everything that an answer can have. */
export async function placeOrder(tx: TransactionLike, { input }: RunContext<OrderInput>): Promise<Response> {
  const id = await insertOrder(tx, input.note);
  const response = Response.json({ id, note: input.note, text: 'naïve 🌍' }, { status: 201 });
  response.headers.set('location', `/orders/${id}`);
  response.headers.append('set-cookie', 'a=1');
  response.headers.append('set-cookie', 'b=2');
  return response;
}

/** What a test sends. */
export interface Sent {
  readonly key?: string;
  readonly user?: string;
  readonly body?: string;
  readonly url?: string;
}

/** Sends a request and reads the answer whole. */
export async function send(handler: FetchHandler, sent: Sent = {}): Promise<Answer> {
  const { key, user = 'ann', body = '{"note":"one"}', url = 'http://shop.test/orders' } = sent;
  const headers = {
    'content-type': 'application/json',
    'x-user': user,
    ...(key === undefined ? {} : { 'idempotency-key': key }),
  };
  const response = await handler(new Request(url, { method: 'POST', headers, body }));
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => name !== 'idempotent-replayed'),
    isReplay: response.headers.get('idempotent-replayed') === 'true',
    retryAfter: response.headers.get('retry-after'),
    text: await response.text(),
  };
}

/** An answer, comparable. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly isReplay: boolean;
  readonly retryAfter: string | null;
  readonly text: string;
}

/** The code of a problem of RFC 9457 with a status; fails for anything else. */
export function problemCode(answer: Answer, status: number): string {
  assert.equal(answer.status, status, answer.text);
  assert.equal(
    new Headers(answer.headers.map(([name, value]) => [name, value])).get('content-type'),
    'application/problem+json',
  );
  const problem = JSON.parse(answer.text) as Record<string, unknown>;
  assert.equal(problem['status'], status);
  assert.equal(problem['type'], `urn:headwater:error:${String(problem['code'])}`);
  assert.ok(typeof problem['title'] === 'string' && typeof problem['detail'] === 'string');
  return String(problem['code']);
}
