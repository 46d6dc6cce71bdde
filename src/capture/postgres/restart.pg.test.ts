import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  type PostgresMajor,
  type TestDatabase,
} from '../../../scripts/services/testing.ts';
import { parseLsn } from '../../model/lsn.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import {
  createTestSource,
  decodeTransactions,
  insertedIds,
  startMortalSource,
  startTestSource,
  waitUntil,
} from '../testing/open-source.ts';
import { openReplicationConnection } from './replication/pg-replication-connection.ts';
import type { ReplicationConnection } from './replication/replication-connection.ts';
import { openSourceCatalog } from './source/sql-source-catalog.ts';

/** Numbers in the names are those of the cases that every capture must pass. */
for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`restart of capture from PostgreSQL ${major}`, { skip }, () => {
    test('a stop that comes while the source connects again, before it has a session, ends it', async () => {
      await using database = await createCapturedDatabase(major);
      const connection = parseConnectionUrl(database.urlOf('capture'));
      let isReconnecting = false;
      let replication: ReplicationConnection | undefined;
      let stopping: Promise<void> | undefined;
      const source = createTestSource({
        ...sourceOptions(database),
        recorder: new MemoryRecorder(),
        openReplication: async (signal) => (replication = await openReplicationConnection(connection, signal)),
        openCatalog: async (signal) => {
          const catalog = await openSourceCatalog(connection, signal);
          const readSlot = catalog.readSlot.bind(catalog);
          // The last answer before the session is made. What the stop closes is closed by the time the source has it.
          catalog.readSlot = async (slotName) => {
            const slot = await readSlot(slotName);
            if (!isReconnecting || stopping !== undefined) return slot;
            stopping = source.stop();
            await replication?.close();
            return slot;
          };
          return catalog;
        },
      });
      await source.start();
      isReconnecting = true;
      await database.query(
        'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()',
      );
      await waitUntil(() => stopping !== undefined && source.report().state === 'stopped', 'the source has stopped');
      await stopping;
      assert.equal(await source.finished, undefined);
    });

    test('case 1: a transaction that begins where the last one ended is recorded once after a crash between them', async () => {
      await using database = await createCapturedDatabase(major);
      const first = new MemoryRecorder();
      const options = { ...sourceOptions(database), canaryIntervalMs: false } as const;
      const mortal = await startMortalSource({ ...options, recorder: first });
      // Others write to this server too: A is the first transaction behind which nothing has been written yet.
      let count = 0;
      let end = -1n;
      for (let lsn = 0n; lsn !== end && count < 200;) {
        count += 1;
        await database.query('insert into t values ($1)', [count]);
        await waitUntil(() => first.durable.transactions.length === count, 'A is durable');
        end = first.durable.state.lastCommitEndLsn;
        const [row] = await database.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
        lsn = parseLsn(row?.lsn ?? '');
      }
      first.holdFlushes();
      await database.query('insert into t values ($1)', [count + 1]);
      await waitUntil(() => mortal.source.report().transactionCount === count + 1, 'B was received');
      const second = await mortal.kill();
      await using _ = await startTestSource({ ...options, recorder: second });
      await waitUntil(() => second.durable.transactions.length === count + 1, 'B is durable');
      assert.deepEqual(insertedIds(decodeTransactions(second)), numbers(1, count + 1));
    });

    test('case 2: rows of one COPY, which share one location, are each recorded once after a crash in their midst', async () => {
      await using database = await createCapturedDatabase(major);
      const first = new MemoryRecorder();
      const mortal = await startMortalSource({ ...sourceOptions(database), recorder: first, cutAfterRowCount: 4 });
      await database.query(`copy t (id) from program 'seq 1 10'`);
      await waitUntil(() => mortal.isCut, 'four rows came');
      const second = await mortal.kill();
      assert.equal(second.durable.transactions.length, 0, 'nothing of the cut transaction is visible');
      await using _ = await startTestSource({ ...sourceOptions(database), recorder: second });
      await waitUntil(() => second.durable.transactions.length === 1, 'the transaction is durable');
      assert.deepEqual(insertedIds(decodeTransactions(second)), numbers(1, 10));
    });

    test('case 3: a transaction that starts first and commits last is whole after a crash between two commits', async () => {
      await using database = await createCapturedDatabase(major);
      const first = new MemoryRecorder();
      const mortal = await startMortalSource({ ...sourceOptions(database), recorder: first });
      const older = await database.connect();
      await older.query('begin');
      await older.query('insert into t values (1)');
      await database.query('insert into t values (2)');
      await waitUntil(() => first.durable.transactions.length === 1, 'B is durable');
      const second = await mortal.kill();
      await older.query('insert into t values (3)');
      await older.query('commit');
      await using _ = await startTestSource({ ...sourceOptions(database), recorder: second });
      await waitUntil(() => second.durable.transactions.length === 2, 'A is durable');
      assert.deepEqual(insertedIds(decodeTransactions(second)), ['2', '1', '3']);
    });

    test('case 4: a crash in the midst of 1,000 rows leaves none of them visible, and all of them once afterwards', async () => {
      await using database = await createCapturedDatabase(major);
      const first = new MemoryRecorder();
      const mortal = await startMortalSource({ ...sourceOptions(database), recorder: first, cutAfterRowCount: 500 });
      await database.query('insert into t select generate_series(1, 1000)');
      await waitUntil(() => mortal.isCut, 'half of it came');
      const second = await mortal.kill();
      assert.equal(second.durable.transactions.length, 0);
      await using _ = await startTestSource({ ...sourceOptions(database), recorder: second });
      await waitUntil(() => second.durable.transactions.length === 1, 'the transaction is durable');
      assert.deepEqual(insertedIds(decodeTransactions(second)), numbers(1, 1000));
    });

    test('cases 5 and 6: a transaction open during a restart is recorded whole if it commits, and not at all if it rolls back', async () => {
      await using database = await createCapturedDatabase(major);
      const first = new MemoryRecorder();
      const mortal = await startMortalSource({ ...sourceOptions(database), recorder: first });
      const committing = await database.connect();
      const aborting = await database.connect();
      await committing.query('begin');
      await committing.query('insert into t values (1)');
      await aborting.query('begin');
      await aborting.query('insert into t values (100)');
      const second = await mortal.kill();
      await aborting.query('rollback');
      await committing.query('insert into t values (2)');
      await using _ = await startTestSource({ ...sourceOptions(database), recorder: second });
      await committing.query('commit');
      await database.query('insert into t values (3)');
      await waitUntil(() => second.durable.transactions.length === 2, 'both transactions are durable');
      assert.deepEqual(insertedIds(decodeTransactions(second)), ['1', '2', '3']);
    });

    test('case 7: an event that was the last thing before a restart is recorded once', async () => {
      await using database = await createCapturedDatabase(major);
      const first = new MemoryRecorder();
      const mortal = await startMortalSource({ ...sourceOptions(database), recorder: first });
      await emitEvent(database, 'first');
      await waitUntil(() => first.durable.transactions.length === 1, 'the event is durable');
      const second = await mortal.kill();
      await using source = await startTestSource({ ...sourceOptions(database), recorder: second });
      await emitEvent(database, 'second');
      await waitUntil(() => second.durable.transactions.length === 2, 'the next event is durable');
      const keys = decodeTransactions(second)
        .flat()
        .map((record) => (record.kind === 'event' ? record.event.key : record.kind));
      assert.deepEqual(keys, ['first', 'second']);
      assert.ok(source.report().duplicateCount <= 1);
    });

    test('case 14: a reader killed before and after each durable step has each transaction once in its journal', async () => {
      await using database = await createCapturedDatabase(major);
      const base = { ...sourceOptions(database), statusIntervalMs: 60_000, canaryIntervalMs: false } as const;
      let recorder = new MemoryRecorder();
      // Appended and not flushed.
      let mortal = await startMortalSource({ ...base, recorder });
      recorder.holdFlushes();
      await database.query('insert into t values (1)');
      await waitUntil(() => mortal.source.report().transactionCount === 1, '1 was appended');
      recorder = await mortal.kill();
      assert.equal(recorder.durable.transactions.length, 0);
      // Flushed and not confirmed.
      mortal = await startMortalSource({ ...base, recorder });
      await waitUntil(() => recorder.durable.transactions.length === 1, '1 is durable');
      const [before] = await slotOf(database);
      assert.ok(parseLsn(before?.confirmed ?? '') < recorder.durable.state.lastCommitEndLsn, 'not confirmed yet');
      recorder = await mortal.kill();
      // Confirmed.
      const confirming = { ...base, statusIntervalMs: 20 };
      mortal = await startMortalSource({ ...confirming, recorder });
      await waitUntil(() => mortal.source.report().duplicateCount === 1, '1 came again and was dropped');
      await database.query('insert into t values (2)');
      await waitUntil(async () => {
        const [slot] = await slotOf(database);
        return (
          recorder.durable.transactions.length === 2 &&
          parseLsn(slot?.confirmed ?? '') >= recorder.durable.state.lastCommitEndLsn
        );
      }, '2 is confirmed');
      recorder = await mortal.kill();
      const last = recorder;
      await using source = await startTestSource({ ...confirming, recorder: last });
      await database.query('insert into t values (3)');
      await waitUntil(() => last.durable.transactions.length === 3, '3 is durable');
      assert.equal(source.report().duplicateCount, 0);
      assert.deepEqual(insertedIds(decodeTransactions(last)), ['1', '2', '3']);
    });
  });
}

async function createCapturedDatabase(major: PostgresMajor): Promise<TestDatabase> {
  const database = await createTestDatabase({ major });
  await database.query('create table t (id bigint primary key)');
  await database.query('create publication headwater for table t');
  await database.grantRole('capture');
  return database;
}

function sourceOptions(database: TestDatabase): { url: string; slotName: string; tables: string[] } {
  return { url: database.urlOf('capture'), slotName: `${database.name}_slot`, tables: ['public.t'] };
}

function slotOf(database: TestDatabase): Promise<{ confirmed: string }[]> {
  return database.query(
    `select confirmed_flush_lsn::text as confirmed from pg_replication_slots where slot_name = $1`,
    [`${database.name}_slot`],
  );
}

async function emitEvent(database: TestDatabase, key: string): Promise<void> {
  const head = {
    id: '01938f1e-0000-7000-8000-000000000001',
    type: 'order.placed',
    schemaVersion: 1,
    key,
    source: 'test',
    occurredAt: '2026-01-02T03:04:05.678Z',
    headers: {},
    contentType: 'application/json',
  };
  await database.query(`select pg_logical_emit_message(true, 'headwater:1', $1)`, [`${JSON.stringify(head)}\n{}`]);
}

function numbers(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}
