import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  startPrivatePostgres,
  type PostgresMajor,
  type TestDatabase,
} from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { parseLsn } from '../../model/lsn.ts';
import type { EmbeddedPostgres } from '../../postgres/embedded-server.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import {
  createTestSource,
  decodeTransactions,
  failToStart,
  insertedIds,
  startTestSource,
  waitUntil,
} from '../testing/open-source.ts';

/** What needs a server of its own: killed, restarted, restored, or with settings of a whole cluster. */
for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`privatePostgres${major}`);
  describe(`capture through what befalls PostgreSQL ${major}`, { skip, concurrency: 2 }, () => {
    test('case 12: a recorder that hangs for three times the sender timeout costs no connection and no confirmation', async () => {
      await using server = await startPrivatePostgres({ major, settings: { wal_sender_timeout: '1s' } });
      await using database = await createCapturedDatabase(server);
      const recorder = new MemoryRecorder();
      // No status of its own accord: what keeps the connection are answers, which no recorder can hold up.
      await using source = await startTestSource({ ...sourceOptions(database), recorder, canaryIntervalMs: false });
      await database.query('insert into t values (1)');
      await waitUntil(
        async () => (await confirmedLsn(database)) >= recorder.durable.state.lastCommitEndLsn,
        '1 is confirmed',
      );
      const confirmed = await confirmedLsn(database);
      recorder.holdFlushes();
      await database.query('insert into t values (2)');
      await waitUntil(() => source.report().transactionCount === 2, '2 was received');
      await database.query('select pg_sleep(3)');
      assert.equal(source.report().reconnectCount, 0);
      assert.equal(source.report().state, 'streaming');
      assert.ok((await confirmedLsn(database)) < (source.report().receivedLsn ?? 0n), 'never beyond what is durable');
      assert.ok((await confirmedLsn(database)) >= confirmed, 'never backwards');
      recorder.releaseFlushes();
      await waitUntil(
        async () => (await confirmedLsn(database)) >= recorder.durable.state.lastCommitEndLsn,
        '2 is confirmed',
      );
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['1', '2']);
    });

    test('case 13: confirmations that a killed server forgot bring duplicates, and each transaction stays once in the journal', async () => {
      await using server = await startPrivatePostgres({ major });
      await using database = await createCapturedDatabase(server);
      const recorder = new MemoryRecorder();
      await using source = await startTestSource({ ...sourceOptions(database), recorder, canaryIntervalMs: false });
      // The server writes a slot's position to disk when it moves past a checkpoint's record of running transactions.
      await database.query('checkpoint');
      const [row] = await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
      await waitUntil(
        async () => (await confirmedLsn(database)) >= parseLsn(row?.lsn ?? ''),
        'the checkpoint is confirmed',
      );
      for (const id of [1, 2, 3]) await database.query('insert into t values ($1)', [id]);
      await waitUntil(
        async () =>
          recorder.durable.transactions.length === 3 &&
          (await confirmedLsn(database)) >= recorder.durable.state.lastCommitEndLsn,
        '3 is confirmed',
      );
      await server.kill();
      await waitUntil(() => source.report().state === 'reconnecting', 'the loss is noticed');
      await server.restart();
      await waitUntil(() => source.report().state === 'streaming', 'it streams again');
      await database.query('insert into t values (4)');
      await waitUntil(() => recorder.durable.transactions.length >= 4, '4 is durable');
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['1', '2', '3', '4']);
      assert.equal(source.report().duplicateCount, 3);
    });

    test('case 10: a cluster restored to an earlier state on its own timeline is refused, and no new change is dropped as an old one', async () => {
      await using server = await startPrivatePostgres({ major });
      await using database = await createCapturedDatabase(server);
      const recorder = new MemoryRecorder();
      const options = { ...sourceOptions(database), recorder };
      const source = createTestSource(options);
      await source.start();
      await database.query('insert into t values (1)');
      await waitUntil(() => recorder.durable.transactions.length === 1, '1 is durable');
      await source.stop();
      const dataDirectory = join(server.directory, 'data');
      const backup = join(server.directory, 'backup');
      await server.stop('fast');
      await cp(dataDirectory, backup, { recursive: true, preserveTimestamps: true });
      await server.restart();
      const again = createTestSource(options);
      await again.start();
      await database.query('insert into t values (2)');
      await waitUntil(() => recorder.durable.transactions.length === 2, '2 is durable');
      await again.stop();
      await server.stop('fast');
      await restoreFiles(backup, dataDirectory);
      await server.restart();
      const behind = await failToStart(options);
      assert.equal(behind.code, 'HW-SOURCE-017', 'the journal is ahead of the restored WAL');
      await database.query(`create table other as select repeat('x', 1000) as v from generate_series(1, 2000)`);
      await database.query('insert into t values (3)');
      await database.query('select pg_switch_wal()');
      const another = createTestSource(options);
      const refused = await another.start().then(
        () => another.finished,
        (error: unknown) => HeadwaterError.from(error),
      );
      assert.equal(refused?.code, 'HW-CAPTURE-008', 'the last recorded transaction does not come again');
      await another.stop();
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['1', '2']);
    });

    test('case 16: a captured table that is idle holds no WAL while others write', async () => {
      const settings = { max_wal_size: '64MB', min_wal_size: '32MB', checkpoint_timeout: '30s' };
      await using server = await startPrivatePostgres({ major, settings });
      await using database = await createCapturedDatabase(server);
      const recorder = new MemoryRecorder();
      await using source = await startTestSource({ ...sourceOptions(database), recorder });
      await database.query('create table other (v text)');
      for (let round = 0; round < 5; round += 1) {
        await database.query(`insert into other select repeat(md5(g::text), 32) from generate_series(1, 20000) g`);
        await database.query('checkpoint');
      }
      const end = parseLsn(
        (await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn'))[0]?.lsn ?? '',
      );
      await waitUntil(async () => (await confirmedLsn(database)) >= end, 'everything is confirmed');
      await database.query('checkpoint');
      const [slot] = await database.query<{ retained: string }>(
        'select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint::text as retained from pg_replication_slots',
      );
      assert.ok(Number(slot?.retained) < 2 * 16_777_216, `${slot?.retained} bytes retained`);
      assert.equal(recorder.durable.transactions.length, 0, 'nothing of the other table was recorded');
      assert.equal(source.report().reconnectCount, 0);
    });

    test('a slot that the server invalidated is refused by its reason', async () => {
      const settings = { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB' };
      await using server = await startPrivatePostgres({ major, settings });
      await using database = await createCapturedDatabase(server);
      const recorder = new MemoryRecorder();
      await (await startTestSource({ ...sourceOptions(database), recorder })).stop();
      for (let round = 0; round < 4; round += 1) {
        await database.query('create table if not exists other (v text)');
        await database.query(`insert into other select repeat(md5(g::text), 32) from generate_series(1, 20000) g`);
        await database.query('select pg_switch_wal()');
        await database.query('checkpoint');
      }
      const error = await failToStart({ ...sourceOptions(database), recorder });
      assert.equal(error.code, 'HW-SOURCE-013');
      assert.equal(error.details['reason'], 'wal_removed');
    });

    test('a server without logical WAL is refused', async () => {
      await using server = await startPrivatePostgres({ major, settings: { wal_level: 'replica' } });
      await using database = await createCapturedDatabase(server);
      const error = await failToStart({ ...sourceOptions(database), recorder: new MemoryRecorder() });
      assert.equal(error.code, 'HW-SOURCE-007');
    });
  });
}

async function createCapturedDatabase(server: EmbeddedPostgres): Promise<TestDatabase> {
  const database = await createTestDatabase({ server });
  await database.query('create table t (id bigint primary key)');
  await database.query('create publication headwater for table t');
  await database.grantRole('capture');
  return database;
}

function sourceOptions(database: TestDatabase): { url: string; slotName: string; tables: string[] } {
  return { url: database.urlOf('capture'), slotName: `${database.name}_slot`, tables: ['public.t'] };
}

async function confirmedLsn(database: TestDatabase): Promise<bigint> {
  const [row] = await database.query<{ lsn: string }>(
    'select confirmed_flush_lsn::text as lsn from pg_replication_slots',
  );
  return parseLsn(row?.lsn ?? '');
}

/** Puts the backup's files in place of the present ones, as a restored disk image would. */
async function restoreFiles(from: string, to: string): Promise<void> {
  for (const name of await readdir(to)) await rm(join(to, name), { recursive: true });
  await cp(from, to, { recursive: true, preserveTimestamps: true });
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(to);
  execFileSync('chown', ['-R', `${uid}:${gid}`, to]);
}
