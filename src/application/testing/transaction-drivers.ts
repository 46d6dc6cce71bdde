import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { CompiledQuery, type ControlledTransaction, Kysely, PostgresDialect, type Transaction } from 'kysely';
import { Pool, type PoolClient } from 'pg';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';

/** Ends a transaction. */
export type TransactionEnding = 'commit' | 'rollback';

/** One client library, driven as its users drive it. */
export interface TransactionDriver extends AsyncDisposable {
  /** What stands for any connection. */
  readonly root: unknown;
  /** Runs `work` in a transaction and ends that as told; gives the transaction object, which has ended. */
  run(
    work: (tx: TransactionLike, query: RunStatement) => Promise<void>,
    ending: TransactionEnding,
  ): Promise<TransactionLike>;
  /** Runs `work` inside a savepoint that is rolled back. */
  rollBackSavepoint(tx: TransactionLike, work: (tx: TransactionLike) => Promise<void>): Promise<void>;
  /** Runs `work` with the object for a single connection on which no transaction was begun. */
  autocommit(work: (connection: unknown) => Promise<void>): Promise<void>;
  /** How many statements ran since the last call. */
  countStatements(): number;
}

/** Runs a statement of the application in the transaction. */
export type RunStatement = (text: string) => Promise<unknown>;

export interface DriverOptions {
  readonly url: string;
  /** Connections of the pool. */
  readonly connections?: number;
}

export const transactionDrivers: Readonly<Record<string, (options: DriverOptions) => TransactionDriver>> = {
  pg: drivePg,
  'Drizzle on node-postgres': driveDrizzle,
  Kysely: (options) => driveKysely(options, runKysely),
  'Kysely, controlled': (options) => driveKysely(options, runKyselyControlled),
};

class RolledBack extends Error {}

function openPool({ url, connections = 2 }: DriverOptions): Pool {
  const pool = new Pool({ connectionString: url, max: connections });
  pool.on('error', () => undefined);
  return pool;
}

function drivePg(options: DriverOptions): TransactionDriver {
  const pool = openPool(options);
  let statementCount = 0;
  const withClient = async (work: (client: PoolClient) => Promise<void>): Promise<PoolClient> => {
    const client = await pool.connect();
    const query = client.query.bind(client);
    Object.assign(client, {
      query: (...args: Parameters<typeof query>) => {
        statementCount += 1;
        return query(...args);
      },
    });
    try {
      await work(client);
      return client;
    } finally {
      Object.assign(client, { query });
      client.release();
    }
  };
  return {
    root: pool,
    run: (work, ending) =>
      withClient(async (client) => {
        await client.query('begin');
        try {
          await work(client, (text) => client.query(text));
        } catch (error) {
          await client.query('rollback');
          throw error;
        }
        await client.query(ending);
      }),
    async rollBackSavepoint(tx, work) {
      const client = tx as PoolClient;
      await client.query('savepoint inner_part');
      await work(client);
      await client.query('rollback to savepoint inner_part');
    },
    autocommit: async (work) => void (await withClient(work)),
    countStatements: () => takeCount(statementCount, () => (statementCount = 0)),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

type DrizzleTransaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];

function driveDrizzle(options: DriverOptions): TransactionDriver {
  const pool = openPool(options);
  let statementCount = 0;
  const logger = { logQuery: () => void (statementCount += 1) };
  const db = drizzle(pool, { logger });
  return {
    root: db,
    async run(work, ending) {
      let ended: TransactionLike | undefined;
      await unlessRolledBack(() =>
        db.transaction(async (tx) => {
          ended = tx;
          await work(tx, (text) => tx.execute(text));
          if (ending === 'rollback') throw new RolledBack();
        }),
      );
      return ended as TransactionLike;
    },
    async rollBackSavepoint(tx, work) {
      await unlessRolledBack(() =>
        (tx as DrizzleTransaction).transaction(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      );
    },
    async autocommit(work) {
      const client = await pool.connect();
      try {
        await work(drizzle(client, { logger }));
      } finally {
        client.release();
      }
    },
    countStatements: () => takeCount(statementCount, () => (statementCount = 0)),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

type KyselyRun = (
  db: Kysely<unknown>,
  work: (tx: TransactionLike, query: RunStatement) => Promise<void>,
  ending: TransactionEnding,
) => Promise<TransactionLike>;

function driveKysely(options: DriverOptions, run: KyselyRun): TransactionDriver {
  let statementCount = 0;
  const db = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: openPool(options) }),
    log: () => void (statementCount += 1),
  });
  return {
    root: db,
    run: (work, ending) => run(db, work, ending),
    async rollBackSavepoint(tx, work) {
      const outer = tx as Transaction<unknown>;
      await outer.executeQuery(CompiledQuery.raw('savepoint inner_part'));
      await work(outer);
      await outer.executeQuery(CompiledQuery.raw('rollback to savepoint inner_part'));
    },
    autocommit: (work) => db.connection().execute(work),
    countStatements: () => takeCount(statementCount, () => (statementCount = 0)),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

const runKysely: KyselyRun = async (db, work, ending) => {
  let ended: TransactionLike | undefined;
  await unlessRolledBack(() =>
    db.transaction().execute(async (tx) => {
      ended = tx;
      await work(tx, (text) => tx.executeQuery(CompiledQuery.raw(text)));
      if (ending === 'rollback') throw new RolledBack();
    }),
  );
  return ended as TransactionLike;
};

const runKyselyControlled: KyselyRun = async (db, work, ending) => {
  const tx: ControlledTransaction<unknown> = await db.startTransaction().execute();
  try {
    await work(tx, (text) => tx.executeQuery(CompiledQuery.raw(text)));
    await (ending === 'commit' ? tx.commit() : tx.rollback()).execute();
  } catch (error) {
    if (!tx.isCommitted && !tx.isRolledBack) await tx.rollback().execute();
    throw error;
  }
  return tx;
};

async function unlessRolledBack(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}

function takeCount(count: number, reset: () => void): number {
  reset();
  return count;
}
