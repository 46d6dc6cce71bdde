import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  type PostgresMajor,
  type TestDatabase,
} from '../../../scripts/services/testing.ts';
import { parseLsn } from '../../model/lsn.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import { decodeTransactions, insertedIds, startTestSource, waitUntil } from '../testing/open-source.ts';

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`capture from PostgreSQL ${major}`, { skip }, () => {
    test('streams what is committed, in order, text-exact', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id bigint primary key, amount numeric, at timestamptz, body text)');
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using source = await startTestSource({ url: await publish(database), slotName, recorder });
      await database.query(`insert into t values (9007199254740993, 'NaN', '2026-01-02 03:04:05.678901+02', E'a\\nb')`);
      await database.query(`update t set amount = 1.10`);
      await database.query(`delete from t`);
      await database.query(`truncate t restart identity`);
      await waitUntil(() => recorder.durable.transactions.length === 4, 'four transactions');
      const [inserted, updated, deleted, truncated] = decodeTransactions(recorder).flat();
      assert.ok(inserted?.kind === 'insert' && updated?.kind === 'update' && deleted?.kind === 'delete');
      assert.deepEqual(inserted.after, ['9007199254740993', 'NaN', '2026-01-02 01:04:05.678901+00', 'a\nb']);
      assert.deepEqual(updated.after, ['9007199254740993', '1.10', '2026-01-02 01:04:05.678901+00', 'a\nb']);
      assert.deepEqual(deleted.before, ['9007199254740993', null, null, null]);
      assert.ok(truncated?.kind === 'truncate' && truncated.restartIdentity);
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['9007199254740993']);
      await waitUntil(() => source.report().canaryAgeMs !== undefined, 'a canary comes back');
    });

    test('no default of a role or database alters a byte', async () => {
      await using database = await createTestDatabase({ major });
      await database.query(
        'create table t (at timestamptz primary key, span interval, raw bytea, cost money, real_number float4)',
      );
      const settings = {
        DateStyle: 'German',
        TimeZone: 'Asia/Tokyo',
        IntervalStyle: 'iso_8601',
        bytea_output: 'escape',
        extra_float_digits: '0',
      };
      for (const [name, value] of Object.entries(settings)) {
        await database.query(`alter database ${database.name} set ${name} = '${value}'`);
      }
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using _ = await startTestSource({ url: await publish(database), slotName, recorder });
      const session = await database.connect();
      await session.query(`insert into t values ('2026-01-02 03:04:05+00', '1 day 2 hours', '\\x00ff', 12.5, 0.1)`);
      await waitUntil(() => recorder.durable.transactions.length === 1, 'the row is durable');
      const [record] = decodeTransactions(recorder).flat();
      assert.ok(record?.kind === 'insert');
      assert.deepEqual(record.after, ['2026-01-02 03:04:05+00', '1 day 02:00:00', '\\x00ff', '$12.50', '0.1']);
    });

    test('a session that an administrator ends is made again, with nothing lost and nothing twice', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id bigint primary key)');
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using source = await startTestSource({ url: await publish(database), slotName, recorder });
      for (let round = 1; round <= 3; round += 1) {
        await database.query('insert into t values ($1)', [round]);
        await database.query('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1', [
          slotName,
        ]);
        await waitUntil(
          () => source.report().reconnectCount === round && source.report().state === 'streaming',
          'it streams again',
        );
      }
      await waitUntil(() => recorder.durable.transactions.length >= 3, 'all rows are durable');
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['1', '2', '3']);
    });

    test('without the right to write messages there is no canary, and keepalives alone move the slot', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id bigint primary key)');
      await database.query('create publication headwater for table t');
      const role = `${database.name}_capture`;
      await database.query(`create role ${role} login replication password 'x'`);
      await database.query(`
        do $$ declare f regprocedure; begin
          for f in select oid from pg_proc where proname = 'pg_logical_emit_message' loop
            execute format('revoke execute on function %s from public', f);
          end loop;
        end $$`);
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using source = await startTestSource({ url: database.urlFor(role, 'x'), slotName, recorder });
      assert.equal(source.report().canary, 'without-right');
      await database.query('create table other as select 1 as a');
      const [end] = await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
      await waitUntil(() => (source.report().confirmedLsn ?? 0n) >= parseLsn(end?.lsn ?? ''), 'the slot moved');
      assert.equal(source.report().withoutRecordsCount, 0);
      assert.equal(source.report().error, undefined);
    });

    test('a server that freezes is noticed by its silence, and capture goes on when it thaws', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id bigint primary key)');
      await database.query(`alter database ${database.name} set wal_sender_timeout = '300ms'`);
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using source = await startTestSource({
        url: await publish(database),
        slotName,
        recorder,
        canaryIntervalMs: false,
      });
      const [holder] = await database.query<{ pid: number }>(
        'select active_pid as pid from pg_replication_slots where slot_name = $1',
        [slotName],
      );
      const pid = holder?.pid ?? 0;
      process.kill(pid, 'SIGSTOP');
      try {
        await database.query('insert into t values (1)');
        await waitUntil(() => source.report().reconnectCount > 0, 'the silence is noticed');
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await waitUntil(() => recorder.durable.transactions.length === 1, 'the row is durable');
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['1']);
    });
  });
}

/** Publishes the table as its owner would. The URL is that of the role for capture, which may do nothing of the kind. */
async function publish(database: TestDatabase): Promise<string> {
  await database.query('create publication headwater for table t');
  return database.grantRole('capture');
}
