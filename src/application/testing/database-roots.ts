import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import { type ClientBase, Pool } from 'pg';

import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import type { ResultRow } from '../../postgres/transaction-handle.ts';

/** A root object of one library on a pool of its own. */
export interface DatabaseRoot extends AsyncDisposable {
  readonly root: object;
  readonly pool: Pool;
  /** Those that were made so far. */
  readonly connections: readonly ClientBase[];
}

/** Opens the root object of each library. Connections that end are no error by themselves: tests end them. */
export const databaseRoots: Readonly<Record<string, (url: string, connections?: number) => DatabaseRoot>> = {
  pg: (url, connections) => open(url, connections, (pool) => pool),
  Drizzle: (url, connections) => open(url, connections, (pool) => drizzle(pool)),
  Kysely: (url, connections) =>
    open(url, connections, (pool) => new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })),
};

function open(url: string, connections = 4, toRoot: (pool: Pool) => object): DatabaseRoot {
  const pool = new Pool({ connectionString: url, max: connections });
  pool.on('error', () => undefined);
  const opened: ClientBase[] = [];
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    opened.push(client);
  });
  return { root: toRoot(pool), pool, connections: opened, [Symbol.asyncDispose]: () => pool.end() };
}

/** Runs a statement in a transaction, whichever library it is of. */
export function runIn(tx: unknown, text: string, parameters: readonly string[] = []): Promise<readonly ResultRow[]> {
  const handle = recognizeTransactionHandle(tx);
  if (handle === undefined) throw new Error('no transaction');
  return handle.query(text, parameters);
}
