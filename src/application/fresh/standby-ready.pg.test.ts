import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

import { Pool, type PoolClient } from 'pg';

import { startScratchPostgres } from '../../../scripts/services/postgres.ts';
import { nameScratchDirectory } from '../../../scripts/services/scratch.ts';
import { skipReason } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { toLsn } from '../../model/lsn.ts';
import { decodeVersionToken, encodeVersionToken } from '../../model/version-token.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../postgres/embedded-server.ts';
import { readFresh } from './read-fresh.ts';
import { standbyReadyFor } from './standby-ready.ts';
import { transact } from '../transact/transact.ts';

/** A standby must not be smaller than its primary. */
const limits = { max_connections: 20, max_wal_senders: 5, max_prepared_transactions: 5, max_worker_processes: 8 };
const skip = await skipReason('privatePostgres18');

describe('reads of a physical standby behind a version token', { skip }, () => {
  it('see the write once it is replayed, are told the lag before, and refuse tokens of other histories', async () => {
    await using primary = await startScratchPostgres({ major: 18, settings: limits });
    const pool = new Pool({ connectionString: primary.url });
    pool.on('error', () => undefined);
    await using standby = await startStandby(primary, pool);
    const standbyPool = new Pool({ connectionString: standby.url, max: 1 });
    standbyPool.on('error', () => undefined);
    try {
      await pool.query('create table orders (id integer primary key)');
      for (let id = 1; id <= 50; id += 1) {
        const { token } = await transact(pool, (tx: PoolClient) => tx.query('insert into orders values ($1)', [id]));
        const freshness = await standbyReadyFor(standbyPool, token, { timeoutMs: 20_000 });
        assert.equal(freshness.isStandby, true);
        assert.equal((await standbyPool.query('select 1 from orders where id = $1', [id])).rowCount, 1, String(id));
        assert.equal((await standbyReadyFor(pool, token)).isStandby, false);
      }
      await standbyPool.query('select pg_wal_replay_pause()');
      const { token } = await transact(pool, (tx: PoolClient) => tx.query('insert into orders values (0)'));
      await assert.rejects(standbyReadyFor(standbyPool, token, { timeoutMs: 50 }), { code: 'HW-TOKEN-005' });
      const count = async (from: Pool): Promise<number> => Number((await from.query('select 1 from orders')).rowCount);
      const read = await readFresh({
        token,
        timeoutMs: 50,
        sources: [
          {
            name: 'standby',
            readyFor: (asked, options) => standbyReadyFor(standbyPool, asked, options),
            read: () => count(standbyPool),
          },
        ],
        primary: () => count(pool),
      });
      assert.deepEqual([read.from, read.value], ['primary', 51]);
      const waiting = standbyReadyFor(standbyPool, token, { timeoutMs: 20_000 });
      await standbyPool.query('select pg_wal_replay_resume()');
      await waiting;
      assert.equal(await count(standbyPool), 51);
      const [entry] = decodeVersionToken(token);
      assert.ok(entry !== undefined);
      const refusals = [
        [encodeVersionToken([{ ...entry, systemId: '1' }]), 'HW-TOKEN-003'],
        [encodeVersionToken([{ ...entry, timeline: 2, lsn: toLsn(1n) }]), 'HW-TOKEN-004'],
      ] as const;
      for (const [refused, code] of refusals) await assert.rejects(standbyReadyFor(standbyPool, refused), { code });
      // A standby commits nothing and cannot give a token.
      await assert.rejects(
        transact(standbyPool, (tx: PoolClient) => tx.query('select 1')),
        { code: 'HW-TOKEN-006' },
      );
      await standbyPool.query('select pg_promote()');
      await waitUntil('the standby is a primary of its own', async () => {
        const { rows } = await standbyPool.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
        return rows[0]?.standby === false;
      });
      // Whether the write has survived the failover is not for a server of another timeline to say.
      await assert.rejects(standbyReadyFor(standbyPool, token), { code: 'HW-TOKEN-004' });
      const after = await transact(standbyPool, (tx: PoolClient) => tx.query('insert into orders values (100)'));
      assert.equal(decodeVersionToken(after.token)[0]?.timeline, 2);
    } finally {
      await Promise.all([pool.end(), standbyPool.end()]);
    }
  });
});

/** A copy of the primary's files, which follows it from there. */
async function startStandby(primary: EmbeddedPostgres, pool: Pool): Promise<EmbeddedPostgres> {
  const directory = await nameScratchDirectory('standby18');
  const client = await pool.connect();
  try {
    await client.query(`select pg_backup_start('standby', true)`);
    await mkdir(directory, { recursive: true });
    for (const part of ['data', 'superuser-password']) {
      await promisify(execFile)('cp', ['-a', join(primary.directory, part), join(directory, part)]);
    }
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    const data = join(directory, 'data');
    await promisify(execFile)('rm', ['-f', join(data, 'postmaster.pid'), join(data, 'postmaster.opts')]);
    const { gid, uid } = await stat(data);
    const files = { backup_label: rows[0]?.labelfile ?? '', 'standby.signal': '' };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(data, name), content);
      await chown(join(data, name), uid, gid);
    }
  } finally {
    client.release();
  }
  const { hostname, password, port, username } = new URL(primary.url);
  const connection = `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`;
  return await startEmbeddedPostgres({
    directory,
    lifetime: 'scratch',
    settings: { ...limits, primary_conninfo: connection, hot_standby: 'on' },
  });
}
