import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Client } from 'pg';

import { createTestDatabase, type TestDatabase } from '../../scripts/services/testing.ts';
import type { TransactionDriver } from '../application/testing/transaction-driver.ts';
import { drivenLibraries } from '../application/testing/transaction-drivers.ts';
import { recognizeDatabaseHandle } from './recognize-database.ts';
import { recognizeTransactionHandle } from './recognize-transaction.ts';
import type { TransactionHandle } from './transaction-handle.ts';

for (const [name, library] of Object.entries(drivenLibraries)) {
  describe(`the root object of ${name}`, () => {
    let database: TestDatabase;
    let driver: TransactionDriver;

    before(async () => {
      database = await createTestDatabase({});
      await database.query('create table t (id integer primary key, bytes bytea)');
      driver = await library.open({ url: database.url, connections: 1 });
    });

    after(async () => {
      await driver[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });

    const run = <Result>(work: (tx: TransactionHandle) => Promise<Result>) => {
      const handle = recognizeDatabaseHandle(driver.root);
      assert.ok(handle !== undefined);
      return handle.transaction({ isolationLevel: 'repeatable read', afterCommit: 'select 7::text as seven' }, (tx) => {
        const recognized = recognizeTransactionHandle(tx);
        assert.ok(recognized !== undefined && !recognized.isRoot && recognized.kind === handle.kind);
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
      assert.equal(commitTag, name === 'pg' ? 'COMMIT' : undefined);
      assert.deepEqual(behind, name === 'pg' ? [{ seven: '7' }] : undefined);
      assert.equal(await countRows(), 1);
    });

    it('runs a statement together with BEGIN where it says so, tells its rows, and keeps the connection when that fails', async () => {
      const handle = recognizeDatabaseHandle(driver.root) ?? assert.fail();
      const begin = (afterBegin: string): Promise<unknown> =>
        handle.transaction({ afterBegin }, async (tx, begunCount) => {
          const [row] = (await recognizeTransactionHandle(tx)?.query('select pg_backend_pid()::text as pid', [])) ?? [];
          return [begunCount, row?.['pid']];
        });
      const { result } = (await begin('select generate_series(1, 3)')) as { readonly result: readonly unknown[] };
      assert.equal(result[0], handle.runsAfterBegin === true ? 3 : undefined);
      if (handle.runsAfterBegin !== true) return;
      await assert.rejects(begin('select 1 / 0'), { code: '22012' });
      const next = (await begin('select generate_series(1, 2)')) as { readonly result: readonly unknown[] };
      assert.deepEqual(next.result, [2, result[1]]);
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

    it('runs a statement outside of every transaction, with texts, nulls and bytes', async () => {
      const handle = recognizeDatabaseHandle(driver.root);
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const parameters = ['9', bytes, null];
      await handle?.query('insert into t select $1::text::integer, $2::bytea where $3::text is null', parameters);
      const rows = await handle?.query(
        `select id::text as id, encode(bytes, 'hex') as hex, $1::text as note from t where id::text = $2::text`,
        [`it's ? "$2"`, '9'],
      );
      assert.deepEqual(
        rows?.map((row) => ({ ...row })),
        [{ id: '9', hex: Buffer.from(bytes).toString('hex'), note: `it's ? "$2"` }],
      );
      await database.query('delete from t where id = 9');
    });

    it('gives the rows that a write returns, and none for one that met no row', async () => {
      const handle = recognizeDatabaseHandle(driver.root);
      assert.ok(handle !== undefined);
      await run((tx) => assertRows(tx));
      await assertRows(handle);
    });

    const assertRows = async (handle: Pick<TransactionHandle, 'query'>): Promise<void> => {
      for (const [text, expected] of [
        ['insert into t values ($1::text::integer) on conflict do nothing returning id::text as id', [{ id: '8' }]],
        ['insert into t values ($1::text::integer) on conflict do nothing returning id::text as id', []],
        ['update t set bytes = null where id = $1::text::integer returning id::text as id', [{ id: '8' }]],
        ['with gone as (select 1) delete from t where id = $1::text::integer returning id::text as id', [{ id: '8' }]],
        ['update t set bytes = null where id = $1::text::integer returning id::text as id', []],
        ['delete from t where id = $1::text::integer returning id::text as id', []],
      ] as const) {
        const rows = await handle.query(text, ['8']);
        assert.deepEqual(
          rows.map((row) => ({ ...row })),
          expected,
          text,
        );
      }
    };

    it('is told from a transaction and from a connection', async () => {
      await driver.run(async (tx) => assert.equal(recognizeDatabaseHandle(tx), undefined), 'rollback');
      assert.equal(recognizeDatabaseHandle(new Client()), undefined);
      await driver.autocommit?.(async (connection) => {
        if (recognizeTransactionHandle(connection)?.isRoot === true) return;
        assert.equal(recognizeDatabaseHandle(connection), undefined);
      });
    });
  });
}
