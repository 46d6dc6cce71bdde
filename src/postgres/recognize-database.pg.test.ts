import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';

import { createTestDatabase, type TestDatabase } from '../../scripts/services/testing.ts';
import { recognizeDatabaseHandle } from './recognize-database.ts';
import { recognizeTransactionHandle } from './recognize-transaction.ts';
import type { TransactionHandle } from './transaction-handle.ts';

const roots: Readonly<Record<string, (pool: Pool) => unknown>> = {
  pg: (pool) => pool,
  drizzle: (pool) => drizzle(pool),
  kysely: (pool) => new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
};

for (const [kind, open] of Object.entries(roots)) {
  describe(`the root object of ${kind}`, () => {
    let database: TestDatabase;
    let pool: Pool;
    let root: unknown;

    before(async () => {
      database = await createTestDatabase({});
      await database.query('create table t (id integer primary key)');
      pool = new Pool({ connectionString: database.url, max: 1 });
      root = open(pool);
    });

    after(async () => {
      await pool.end();
      await database[Symbol.asyncDispose]();
    });

    const run = <Result>(work: (tx: TransactionHandle) => Promise<Result>) => {
      const handle = recognizeDatabaseHandle(root);
      assert.ok(handle !== undefined && handle.kind === kind);
      return handle.transaction({ isolationLevel: 'repeatable read', afterCommit: 'select 7::text as seven' }, (tx) => {
        const recognized = recognizeTransactionHandle(tx);
        assert.ok(recognized !== undefined && !recognized.isRoot);
        return work(recognized);
      });
    };
    const countRows = async (): Promise<number> => (await database.query('select id from t')).length;

    it('commits what resolved, in the isolation level that was asked for', async () => {
      const {
        result,
        commitTag,
        after: behind,
      } = await run(async (tx) => {
        await tx.query('insert into t values ($1::integer)', ['1']);
        return tx.query(`select current_setting('transaction_isolation') as level`, []);
      });
      assert.deepEqual(result, [{ level: 'repeatable read' }]);
      assert.equal(commitTag, kind === 'pg' ? 'COMMIT' : undefined);
      assert.deepEqual(behind, kind === 'pg' ? [{ seven: '7' }] : undefined);
      assert.equal(await countRows(), 1);
    });

    it('rolls back what rejected, gives its error, and the connection serves the next', async () => {
      const failure = new Error('the work failed');
      await assert.rejects(
        run(async (tx) => {
          await tx.query('insert into t values ($1::integer)', ['2']);
          throw failure;
        }),
        failure,
      );
      assert.equal(await countRows(), 1);
      await run((tx) => tx.query('select 1', []));
    });

    it('is told from a transaction', async () => {
      await run(async () => undefined);
      assert.equal(recognizeDatabaseHandle(new Client()), undefined);
    });
  });
}
