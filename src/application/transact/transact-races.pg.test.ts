import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Pool, type PoolClient } from 'pg';

import { createTestDatabase, skipReason, type TestDatabase } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { parseLsn } from '../../model/lsn.ts';
import { decodeVersionToken } from '../../model/version-token.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import { databaseRoots, runIn } from '../testing/database-roots.ts';
import { readOutcome } from './read-outcome.ts';
import { transact } from './transact.ts';
import { isVersionConflict, writeExpected } from './write-expected.ts';

const writerCount = 8;

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`units of work that meet, PostgreSQL ${major}`, { skip }, () => {
    let database: TestDatabase;
    let pool: Pool;
    before(async () => {
      database = await createTestDatabase({ major });
      await database.query('create table accounts (id text primary key, balance integer, version bigint not null)');
      await database.query('create table ends (xid xid8 primary key)');
      await database.query(`select pg_create_logical_replication_slot($1, 'test_decoding')`, [database.name]);
      pool = new Pool({ connectionString: database.url, max: writerCount });
    });
    after(async () => {
      await pool.end();
      await database[Symbol.asyncDispose]();
    });

    it('get tokens that are never below the end of their commits, with and without synchronous_commit', async () => {
      for (const [name, openRoot] of Object.entries(databaseRoots)) {
        await using opened = openRoot(database.url, writerCount);
        const tokens = new Map<bigint, bigint>();
        const write = async (writer: number): Promise<void> => {
          for (let round = 0; round < 150; round += 1) {
            const { token } = await transact(opened.root, async (tx) => {
              if ((writer + round) % 2 === 0) await runIn(tx, 'set local synchronous_commit = off');
              await runIn(tx, 'insert into ends values (pg_current_xact_id())');
            });
            const [entry] = decodeVersionToken(token);
            tokens.set(entry?.xid ?? 0n, entry?.lsn ?? 0n);
          }
        };
        await Promise.all(Array.from({ length: writerCount }, (_, writer) => write(writer)));
        // A commit that waits for the disk takes those before it along.
        await database.query(`select pg_logical_emit_message(true, '', '')`);
        // The end of each commit, as the write-ahead log itself has it.
        const ends = await database.query<{ xid: string; lsn: string }>(
          `select xid::text as xid, lsn::text as lsn from pg_logical_slot_get_changes($1, null, null) where data like 'COMMIT%'`,
          [database.name],
        );
        const found = ends.filter(({ xid }) => tokens.has(BigInt(xid)));
        assert.equal(found.length, writerCount * 150, name);
        const low = found.filter(({ lsn, xid }) => (tokens.get(BigInt(xid)) ?? 0n) < parseLsn(lsn));
        assert.deepEqual(low, [], `${name}: ${low.length} of ${found.length} tokens are below their commits`);
      }
    });

    it('run again after a serialization failure until each was applied once', async () => {
      await database.query(`insert into accounts values ('serial', 0, 1)`);
      const increment = (): Promise<unknown> =>
        transact(
          pool,
          async (tx: PoolClient) => {
            const { rows } = await tx.query<{ balance: number }>(`select balance from accounts where id = 'serial'`);
            await tx.query(`update accounts set balance = $1 where id = 'serial'`, [Number(rows[0]?.balance) + 1]);
          },
          { isolationLevel: 'serializable', retry: { attemptsMax: 1000, budgetMs: 60_000, maxDelayMs: 50 } },
        );
      await Promise.all(Array.from({ length: 40 }, increment));
      const [row] = await database.query(`select balance from accounts where id = 'serial'`);
      assert.deepEqual(row, { balance: 40 });
    });

    it('run again after a deadlock', async () => {
      await database.query(`insert into accounts values ('left', 0, 1), ('right', 0, 1)`);
      let met = Promise.withResolvers<void>();
      let arrived = 0;
      const attempts: number[] = [];
      const move = async (first: string, second: string): Promise<void> => {
        const receipt = await transact(pool, async (tx: PoolClient, { attempt }) => {
          await tx.query('update accounts set balance = balance + 1 where id = $1', [first]);
          if (attempt === 1) {
            arrived += 1;
            if (arrived === 2) met.resolve();
            await met.promise;
          }
          await tx.query('update accounts set balance = balance + 1 where id = $1', [second]);
        });
        attempts.push(receipt.attempts);
      };
      await Promise.all([move('left', 'right'), move('right', 'left')]);
      met = Promise.withResolvers();
      // The one that was rolled back may take its first row again before the other has noticed, and meet it once more.
      assert.equal(Math.min(...attempts), 1);
      assert.ok(Math.max(...attempts) >= 2);
      const rows = await database.query(`select balance from accounts where id in ('left', 'right')`);
      assert.deepEqual(rows, [{ balance: 2 }, { balance: 2 }]);
    });

    it('give up within attempts and time, with nothing applied', async () => {
      let runs = 0;
      const meet = async (tx: PoolClient): Promise<void> => {
        runs += 1;
        await tx.query(`insert into accounts values ('never', 0, 1)`);
        await tx.query(`do $$ begin raise exception 'made up' using errcode = '40001'; end $$`);
      };
      const error = await failure(transact(pool, meet, { retry: { attemptsMax: 3, initialDelayMs: 0 } }));
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-TRANSACT-006');
      assert.equal(readOutcome(error), 'not-applied');
      assert.equal(sqlStateOf(error), '40001');
      assert.equal(runs, 3);
      runs = 0;
      await failure(transact(pool, meet, { retry: { attemptsMax: 1_000_000, budgetMs: 0 } }));
      assert.equal(runs, 1);
      assert.deepEqual(await database.query(`select 1 from accounts where id = 'never'`), []);
    });

    for (const isolationLevel of ['read committed', 'repeatable read', 'serializable'] as const) {
      it(`write a row by expected version: one wins, the others get a typed conflict (${isolationLevel})`, async () => {
        const id = `expected ${isolationLevel}`;
        const options = { isolationLevel, retry: { attemptsMax: 50, budgetMs: 30_000 } };
        const create = (balance: number): Promise<unknown> =>
          transact(
            pool,
            (tx: PoolClient) =>
              writeExpected(tx, { table: 'accounts', key: { id }, expected: 'absent', set: { balance } }),
            options,
          );
        assert.deepEqual(await race(create), {
          won: 1,
          conflicts: [{ table: 'accounts', expected: 'absent', actual: '1' }],
        });
        const update = (balance: number): Promise<unknown> =>
          transact(
            pool,
            (tx: PoolClient) =>
              writeExpected(tx, { table: 'public.accounts', key: { id }, expected: 1, set: { balance } }),
            options,
          );
        assert.deepEqual(await race(update), {
          won: 1,
          conflicts: [{ table: 'public.accounts', expected: '1', actual: '2' }],
        });
        assert.deepEqual(await database.query('select version from accounts where id = $1', [id]), [{ version: '2' }]);
        const gone = transact(pool, (tx: PoolClient) =>
          writeExpected(tx, { table: 'accounts', key: { id: 'gone' }, expected: 7n, set: { balance: null } }),
        );
        const error = await failure(gone);
        assert.ok(isVersionConflict(error));
        assert.deepEqual([error.details.expected, error.details.actual], ['7', 'absent']);
        await assert.rejects(writeExpected(pool as never, { table: 'accounts', key: { id }, expected: 1, set: {} }), {
          code: 'HW-EMIT-001',
        });
      });
    }
  });
}

async function race(write: (balance: number) => Promise<unknown>): Promise<object> {
  const results = await Promise.allSettled(Array.from({ length: writerCount }, (_, index) => write(index)));
  const conflicts = new Map<string, object>();
  for (const result of results) {
    if (result.status === 'fulfilled') continue;
    assert.ok(isVersionConflict(result.reason), String(result.reason));
    conflicts.set(JSON.stringify(result.reason.details), result.reason.details);
  }
  return { won: results.filter(({ status }) => status === 'fulfilled').length, conflicts: [...conflicts.values()] };
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => assert.fail('it resolved'),
    (thrown: unknown) => thrown,
  );
}
