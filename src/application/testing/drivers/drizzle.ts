import { sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePostgresJs, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';

import {
  type DriverOptions,
  RolledBack,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  unlessRolledBack,
} from '../transaction-driver.ts';
import { openPool } from './pg.ts';

type NodePgTransaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];
type PostgresJsTransaction = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0];

export function driveDrizzle(options: DriverOptions): TransactionDriver {
  const pool = openPool(options);
  const statements = new StatementCounter();
  const logger = { logQuery: statements.add };
  const db = drizzle(pool, { logger });
  return {
    root: db,
    run: (work, ending) =>
      runInCallback(
        (inside) => db.transaction(inside),
        (tx: NodePgTransaction) => work(tx, (text) => tx.execute(text)),
        ending,
      ),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        (tx as NodePgTransaction).transaction(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    async autocommit(work) {
      const client = await pool.connect();
      try {
        await work(drizzle(client, { logger }));
      } finally {
        client.release();
      }
    },
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

export function driveDrizzleOnPostgresJs({ url, connections = 2 }: DriverOptions): TransactionDriver {
  const client = postgres(url, { max: connections, onnotice: () => undefined });
  const statements = new StatementCounter();
  const db = drizzlePostgresJs(client, { logger: { logQuery: statements.add } });
  return {
    root: db,
    run: (work, ending) =>
      runInCallback(
        (inside) => db.transaction(inside),
        (tx: PostgresJsTransaction) => work(tx, (text) => tx.execute(sql.raw(text)).then((rows) => rows)),
        ending,
      ),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        (tx as PostgresJsTransaction).transaction(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => client.end(),
  };
}
