import { Pool, type PoolClient } from 'pg';

import { type DriverOptions, StatementCounter, type TransactionDriver } from '../transaction-driver.ts';

/** A pool whose broken connections are nobody's concern but the next caller's. */
export function openPool({ url, connections = 2 }: DriverOptions): Pool {
  const pool = new Pool({ connectionString: url, max: connections });
  pool.on('error', () => undefined);
  // While a client is lent, its errors are its own.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}

export function drivePg(options: DriverOptions): TransactionDriver {
  const pool = openPool(options);
  const statements = new StatementCounter();
  const withClient = async (work: (client: PoolClient) => Promise<void>): Promise<PoolClient> => {
    const client = await pool.connect();
    const query = client.query.bind(client);
    Object.assign(client, {
      query: (...args: Parameters<typeof query>) => {
        statements.add();
        return query(...args);
      },
    });
    let isBroken = true;
    try {
      await work(client);
      isBroken = false;
      return client;
    } finally {
      Object.assign(client, { query });
      client.release(isBroken);
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
          await client.query('rollback').catch(() => undefined);
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
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => pool.end(),
  };
}
