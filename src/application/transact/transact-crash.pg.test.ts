import assert from 'node:assert/strict';
import { it, describe } from 'node:test';
import { inspect } from 'node:util';

import { Pool, type PoolClient } from 'pg';

import { startScratchPostgres } from '../../../scripts/services/postgres.ts';
import { skipReason } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { readOutcome } from './read-outcome.ts';
import { resumeReceipt } from './resume-receipt.ts';
import { transact } from './transact.ts';

for (const major of [15, 18] as const) {
  const skip = await skipReason(`privatePostgres${major}`);
  describe(`transact and a PostgreSQL ${major} that crashes`, { skip }, () => {
    it('never takes another transaction with the same id for its own', async () => {
      // Nothing that is not committed reaches the disk by itself.
      const settings = { wal_writer_delay: '10s', autovacuum: 'off' };
      await using server = await startScratchPostgres({ major, settings });
      const { hostname, port } = new URL(server.url);
      await using proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
      const direct = openPool(server.url);
      const pool = openPool(proxy.reroute(server.url));
      try {
        await direct.query('create table orders (id text, xid xid8 default pg_current_xact_id())');
        const held = proxy.holdBefore(holdsText('commit'), 0);
        const running = transact(pool, (tx: PoolClient) => tx.query(`insert into orders (id) values ('ours')`), {
          settleTimeoutMs: 60_000,
        });
        running.catch(() => undefined);
        await held;
        const pids = await direct.query<{ pid: number }>(
          `select pid from pg_stat_activity where backend_type = 'client backend' and state = 'idle in transaction'`,
        );
        const before = await readCrash(direct);
        // A connection that is held in front of its first message would keep PostgreSQL from recovering for a minute.
        proxy.refuse(true);
        // PostgreSQL takes the end of any of its processes for a crash: it ends all, and recovers.
        process.kill(pids.rows[0]?.pid ?? assert.fail('nobody is in a transaction'), 'SIGKILL');
        const hasRecovered = (): Promise<boolean> =>
          readCrash(direct).then(
            (crash) => crash !== before,
            () => false,
          );
        await waitUntil('PostgreSQL has recovered', hasRecovered, 90_000);
        // Others get the id that was in no log on the disk.
        await direct.query(`insert into orders (id) values ('theirs')`);
        proxy.refuse(false);
        proxy.release();
        proxy.cut();
        const error = await running.then(
          () => assert.fail('a transaction that was lost was reported as committed'),
          (thrown: unknown) => thrown,
        );
        assert.ok(error instanceof HeadwaterError, inspect(error));
        const { rows } = await direct.query<{ id: string; xid: string }>('select id, xid::text as xid from orders');
        assert.deepEqual(
          rows.map(({ id }) => id),
          ['theirs'],
        );
        assert.equal(error.code, 'HW-TRANSACT-007', inspect(error));
        assert.equal(readOutcome(error), 'indeterminate');
        assert.equal(error.details['reason'], 'server-crashed');
        const resumed = await resumeReceipt(direct, String(error.details['receipt']));
        assert.equal(String(resumed.xid), rows[0]?.xid, 'the id was given twice, or this test shows nothing');
        assert.equal(resumed.outcome, 'indeterminate');
      } finally {
        await Promise.all([direct.end(), pool.end()]);
      }
    });

    it('says that nothing was applied when its session was ended in front of the COMMIT', async () => {
      await using server = await startScratchPostgres({ major });
      const { hostname, port } = new URL(server.url);
      await using proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
      const direct = openPool(server.url);
      const pool = openPool(proxy.reroute(server.url));
      try {
        await direct.query('create table orders (id text)');
        const held = proxy.holdBefore(holdsText('commit'), 0);
        const running = transact(pool, (tx: PoolClient) => tx.query(`insert into orders values ('ours')`), {
          settleTimeoutMs: 30_000,
        });
        running.catch(() => undefined);
        await held;
        await direct.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'`,
        );
        proxy.release();
        proxy.cut();
        const error = await running.then(
          () => assert.fail('it resolved'),
          (thrown: unknown) => thrown,
        );
        assert.ok(error instanceof HeadwaterError, inspect(error));
        assert.equal(error.code, 'HW-TRANSACT-009', inspect(error));
        assert.equal(readOutcome(error), 'not-applied');
        assert.deepEqual((await direct.query('select id from orders')).rows, []);
      } finally {
        await Promise.all([direct.end(), pool.end()]);
      }
    });
  });
}

/** When PostgreSQL last began to count anew. */
async function readCrash(pool: Pool): Promise<string | undefined> {
  const { rows } = await pool.query<{ at: string }>('select pg_stat_get_bgwriter_stat_reset_time()::text as at');
  return rows[0]?.at;
}

function openPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 2 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
