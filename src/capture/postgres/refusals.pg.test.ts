import assert from 'node:assert/strict';
import { createServer, connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  type PostgresMajor,
  type TestDatabase,
} from '../../../scripts/services/testing.ts';
import { toLsn } from '../../model/lsn.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import {
  createTestSource,
  failToStart,
  startMortalSource,
  startTestSource,
  waitUntil,
} from '../testing/open-source.ts';

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`refusals of capture from PostgreSQL ${major}`, { skip }, () => {
    test('case 9: a journal older than the slot is refused with the gap', async () => {
      await using database = await createCapturedDatabase(major);
      const recorder = new MemoryRecorder();
      const source = await startTestSource({ ...sourceOptions(database), recorder });
      await database.query('insert into t values (1)');
      await waitUntil(() => recorder.durable.transactions.length === 1, '1 is durable');
      const backup = recorder.crash();
      await database.query('insert into t values (2)');
      await waitUntil(() => recorder.durable.transactions.length === 2, '2 is durable');
      await source.stop();
      const error = await failToStart({ ...sourceOptions(database), recorder: backup });
      assert.equal(error.code, 'HW-SOURCE-014');
      const { from, to } = error.details;
      assert.notEqual(from, to);
      assert.match(error.message, new RegExp(`\\[${String(from)}, ${String(to)}\\)`));
    });

    test("case 10: a journal beyond the server's WAL, of another timeline or another cluster is refused", async () => {
      await using database = await createCapturedDatabase(major);
      const { durable } = await recordOnce(database);
      const { state } = durable;
      const source = state.source;
      assert.ok(source !== undefined);
      const beyond = { ...state, recordedLsn: toLsn(state.recordedLsn + 0x1_0000_0000n) };
      const refusals = [
        ['HW-SOURCE-017', beyond],
        ['HW-SOURCE-016', { ...state, source: { ...source, timeline: source.timeline + 1 } }],
        ['HW-SOURCE-015', { ...state, source: { ...source, systemId: '1' } }],
        ['HW-SOURCE-025', { ...state, source: { ...source, databaseOid: 1 } }],
        [
          'HW-SOURCE-030',
          { ...state, source: { ...source, sessionSettings: { ...source.sessionSettings, TimeZone: 'CET' } } },
        ],
      ] as const;
      for (const [code, changed] of refusals) {
        const recorder = new MemoryRecorder({ ...durable, state: changed });
        assert.equal((await failToStart({ ...sourceOptions(database), recorder })).code, code);
      }
    });

    test('case 11: a slot that was dropped and created anew is refused, also when nothing was written in between', async () => {
      await using database = await createCapturedDatabase(major);
      const recorder = await recordOnce(database);
      const { slotName } = sourceOptions(database);
      await waitUntil(async () => {
        const holders = await database.query('select 1 from pg_replication_slots where slot_name = $1 and active', [
          slotName,
        ]);
        return holders.length === 0;
      }, 'the last reader is gone');
      await database.query('select pg_drop_replication_slot($1)', [slotName]);
      const gone = await failToStart({ ...sourceOptions(database), recorder });
      assert.equal(gone.code, 'HW-SOURCE-011');
      await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slotName]);
      const recreated = await failToStart({ ...sourceOptions(database), recorder });
      assert.equal(recreated.code, 'HW-SOURCE-014');
    });

    test('a slot that another session holds is waited for, then refused with its process', async () => {
      await using database = await createCapturedDatabase(major);
      const recorder = new MemoryRecorder();
      const quiet = { ...sourceOptions(database), canaryIntervalMs: false, statusIntervalMs: 60_000 } as const;
      const holder = await startMortalSource({ ...quiet, recorder });
      const second = recorder.crash();
      const error = await failToStart({ ...quiet, recorder: second, slotWaitMs: 300 });
      assert.equal(error.code, 'HW-SOURCE-012');
      assert.match(error.message, /PID \d+/);
      const waiting = createTestSource({ ...quiet, recorder: second });
      const started = waiting.start();
      await holder.kill();
      await started;
      assert.equal(waiting.report().state, 'streaming');
      await waiting.stop();
    });

    test('a missing or misquoted publication is refused before anything is read', async () => {
      await using database = await createCapturedDatabase(major);
      await database.query('create publication "Orders" for table t');
      const recorder = new MemoryRecorder();
      const options = { ...sourceOptions(database), recorder, create: 'never', publicationNames: ['orders'] } as const;
      const error = await failToStart(options);
      assert.equal(error.code, 'HW-SOURCE-009');
      assert.match(error.hint, /create publication "orders" for table "public"."t"/);
      assert.deepEqual(
        await database.query('select 1 from pg_replication_slots where database = current_database()'),
        [],
      );
      await using source = await startTestSource({
        ...sourceOptions(database),
        recorder,
        publicationNames: ['Orders'],
      });
      assert.equal(source.report().state, 'streaming');
    });

    test('a missing slot that may not be created is refused with the SQL', async () => {
      await using database = await createCapturedDatabase(major);
      const error = await failToStart({ ...sourceOptions(database), recorder: new MemoryRecorder(), create: 'never' });
      assert.equal(error.code, 'HW-SOURCE-010');
      assert.match(error.hint, /pg_create_logical_replication_slot\('.*_slot', 'pgoutput'\)/);
    });

    test('a publication that is dropped, or dropped and created anew, ends capture by name', async () => {
      await using database = await createCapturedDatabase(major);
      const recorder = new MemoryRecorder();
      const source = createTestSource({ ...sourceOptions(database), recorder, canaryIntervalMs: 50 });
      await source.start();
      await database.query('drop publication headwater');
      const dropped = await source.finished;
      assert.equal(dropped?.code, 'HW-SOURCE-009');
      await source.stop();
      await database.query('create publication headwater for table t');
      const recreated = await failToStart({ ...sourceOptions(database), recorder: recorder.crash() });
      assert.equal(recreated.code, 'HW-SOURCE-018');
    });

    test('changes from before the publication are refused, not skipped', async () => {
      await using database = await createCapturedDatabase(major);
      const { slotName } = sourceOptions(database);
      await database.query('drop publication headwater');
      await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slotName]);
      await database.query('insert into t values (1)');
      await database.query('create publication headwater for table t');
      await database.query('insert into t values (2)');
      // Whatever the session hides from people, this it must hear.
      await database.query(`alter database ${database.name} set client_min_messages = 'error'`);
      const recorder = new MemoryRecorder();
      const source = createTestSource({ ...sourceOptions(database), recorder });
      await source.start().catch(() => undefined);
      const error = await source.finished;
      await source.stop();
      assert.equal(error?.code, 'HW-SOURCE-031');
      assert.equal(recorder.durable.transactions.length, 0);
      const again = createTestSource({ ...sourceOptions(database), recorder: recorder.crash() });
      await again.start().catch(() => undefined);
      assert.equal((await again.finished)?.code, 'HW-SOURCE-031');
      await again.stop();
    });

    test('a slot made behind its publication is read, although an older slot of another reader pins the catalogs', async () => {
      await using database = await createCapturedDatabase(major);
      const { slotName } = sourceOptions(database);
      await database.query('drop publication headwater');
      await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [`${slotName}_older`]);
      try {
        await database.query('create publication headwater for table t');
        await database.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slotName]);
        await database.query('insert into t values (1)');
        const recorder = new MemoryRecorder();
        await using source = await startTestSource({ ...sourceOptions(database), recorder });
        await waitUntil(() => recorder.durable.transactions.length === 1, 'the transaction is durable');
        assert.equal(source.report().state, 'streaming');
      } finally {
        await database.query('select pg_drop_replication_slot($1)', [`${slotName}_older`]);
      }
    });

    test('a published table without replica identity is refused with the fix', async () => {
      await using database = await createCapturedDatabase(major);
      await database.query('create table no_key (id bigint)');
      const tables = ['public.t', 'public.no_key'];
      const options = await ownerOptions(database);
      const error = await failToStart({ ...options, recorder: new MemoryRecorder(), tables });
      assert.equal(error.code, 'HW-SOURCE-019');
      assert.match(error.message, /public\.no_key/);
      // A publication that stayed behind would make PostgreSQL refuse the application's own writes.
      await database.query('insert into no_key values (1)');
      await database.query('update no_key set id = 2');
      await database.query('alter table no_key replica identity full');
      await using source = await startTestSource({ ...options, recorder: new MemoryRecorder(), tables });
      assert.equal(source.report().state, 'streaming');
    });

    test('an adopted outbox that is not published is refused with the SQL, and outboxes join a publication that is made', async () => {
      await using database = await createCapturedDatabase(major);
      await database.query('create table adopted (id uuid primary key)');
      await database.query('create publication present for table t');
      const options = {
        ...(await ownerOptions(database)),
        recorder: new MemoryRecorder(),
        requiredTables: ['public.adopted'],
      };
      const error = await failToStart({ ...options, publicationNames: ['present'] });
      assert.equal(error.code, 'HW-SOURCE-036');
      assert.match(error.hint, /alter publication "present" add table "public"."adopted"/);
      await using _ = await startTestSource(options);
      const names = options.recorder.durable.state.source?.tables;
      assert.deepEqual(names, ['headwater.outbox', 'public.adopted', 'public.t']);
    });

    test('a slot of another kind is refused', async () => {
      await using database = await createCapturedDatabase(major);
      await database.query(`select pg_create_logical_replication_slot($1, 'test_decoding')`, [
        sourceOptions(database).slotName,
      ]);
      const error = await failToStart({ ...sourceOptions(database), recorder: new MemoryRecorder() });
      assert.equal(error.code, 'HW-SOURCE-020');
    });

    test('a role without the right to replicate, a wrong password and a wrong database are told apart', async () => {
      await using database = await createCapturedDatabase(major);
      const role = `${database.name}_reader`;
      await database.query(`create role ${role} login password 'planted-secret'`);
      const recorder = new MemoryRecorder();
      const options = { ...sourceOptions(database), recorder };
      const noRight = await failToStart({ ...options, url: database.urlFor(role, 'planted-secret') });
      assert.equal(noRight.code, 'HW-SOURCE-008');
      const wrongPassword = await failToStart({ ...options, url: database.urlFor(role, 'another-secret') });
      assert.equal(wrongPassword.code, 'HW-SOURCE-003');
      const wrongDatabase = await failToStart({
        ...options,
        url: database.url.replace(database.name, 'no_such_database'),
      });
      assert.equal(wrongDatabase.code, 'HW-SOURCE-004');
      for (const error of [noRight, wrongPassword, wrongDatabase]) {
        assert.doesNotMatch(
          JSON.stringify(error) + String(error.stack) + String(error.cause),
          /planted-secret|another-secret/,
        );
      }
    });

    test('a pooler in between is detected by the process it makes up, and refused', async () => {
      await using database = await createCapturedDatabase(major);
      await using pooler = await startPooler(Number(new URL(database.url).port));
      const url = new URL(database.urlOf('capture'));
      url.port = String(pooler.port);
      const error = await failToStart({ ...sourceOptions(database), url: url.href, recorder: new MemoryRecorder() });
      assert.equal(error.code, 'HW-SOURCE-006');
    });

    test('an unreachable server is tried for a while, then named', async () => {
      await using database = await createCapturedDatabase(major);
      const url = new URL(database.urlOf('capture'));
      url.port = '1';
      const options = {
        ...sourceOptions(database),
        url: url.href,
        recorder: new MemoryRecorder(),
        startTimeoutMs: 200,
      };
      assert.equal((await failToStart(options)).code, 'HW-SOURCE-002');
    });

    test('tables that held rows before the slot are named with an estimate, empty ones and hidden ones are told right', async () => {
      await using database = await createCapturedDatabase(major);
      await database.query('create table filled as select generate_series(1, 1000)::bigint as id');
      await database.query('alter table filled add primary key (id)');
      await database.query('analyze filled');
      await database.query('create table emptied as select 1::bigint as id');
      await database.query('alter table emptied add primary key (id)');
      await database.query('delete from emptied');
      await database.query('alter publication headwater add table filled, emptied');
      const recorder = new MemoryRecorder();
      const tables = ['public.t', 'public.filled', 'public.emptied'];
      await database.grantRole('capture', { copiedTables: tables });
      await using source = await startTestSource({ ...sourceOptions(database), recorder, tables });
      const expected = { schemaName: 'public', tableName: 'filled', rowEstimate: 1000, reason: 'held-rows-at-start' };
      assert.deepEqual(source.report().uncopiedTables, [expected]);
      await database.query('create table later as select 1::bigint as id');
      await database.query('alter table later add primary key (id)');
      await database.query('alter publication headwater add table later');
      await waitUntil(() => source.report().uncopiedTables.length === 2, 'the table that was published later is named');
      const reasons = recorder.durable.state.source?.uncopiedTables.map(({ tableName, reason }) => [tableName, reason]);
      assert.deepEqual(reasons, [
        ['filled', 'held-rows-at-start'],
        ['later', 'published-later'],
      ]);
    });

    test('a table of which less was published for a while, even while capture was down, is named as incomplete', async () => {
      await using database = await createCapturedDatabase(major);
      const recorder = new MemoryRecorder();
      const options = { ...sourceOptions(database), recorder, canaryIntervalMs: 20 };
      const source = await startTestSource(options);
      await database.query('alter table t add column note text');
      await database.query('insert into t values (1)');
      await waitUntil(() => recorder.durable.transactions.length === 1, '1 is durable');
      assert.deepEqual(source.report().uncopiedTables, []);
      await source.stop();
      await database.query('alter publication headwater drop table t');
      await database.query('insert into t values (2)');
      await database.query('alter publication headwater add table t');
      await using again = await startTestSource(options);
      const names = (): string[] =>
        again.report().uncopiedTables.map(({ tableName, reason }) => `${tableName}: ${reason}`);
      await waitUntil(() => names().length === 1, 'the table that was dropped and added again is named');
      assert.deepEqual(names(), ['t: publication-altered']);
      await database.query('create table u (id bigint primary key)');
      await database.query('alter publication headwater add table u');
      await waitUntil(() => recorder.durable.state.source?.tables.includes('public.u') === true, 'u is known');
      await database.query(`alter publication headwater set (publish = 'insert')`);
      await waitUntil(() => names().length === 2, 'the table whose updates are left out is named');
      assert.deepEqual(names(), ['t: publication-altered', 'u: publication-altered']);
    });
  });
}

/** A published table, and the role that captures, with the rights that `headwater sql` prints. */
async function createCapturedDatabase(major: PostgresMajor): Promise<TestDatabase> {
  const database = await createTestDatabase({ major });
  await database.query('create table t (id bigint primary key)');
  await database.query('create publication headwater for table t');
  await database.grantRole('capture', { copiedTables: ['public.t'] });
  return database;
}

function sourceOptions(database: TestDatabase): { url: string; slotName: string; tables: string[] } {
  return { url: database.urlOf('capture'), slotName: `${database.name}_slot`, tables: ['public.t'] };
}

/** As the owner, who alone may make a publication; there is none. */
async function ownerOptions(database: TestDatabase): Promise<ReturnType<typeof sourceOptions>> {
  await database.query('drop publication headwater');
  return { ...sourceOptions(database), url: database.url };
}

/** A recorder that holds one transaction, and no source running any more. */
async function recordOnce(database: TestDatabase): Promise<MemoryRecorder> {
  const recorder = new MemoryRecorder();
  await using _ = await startTestSource({ ...sourceOptions(database), recorder });
  await database.query('insert into t values (1)');
  await waitUntil(() => recorder.durable.transactions.length === 1, 'the transaction is durable');
  return recorder;
}

interface Pooler extends AsyncDisposable {
  readonly port: number;
}

/** What every pooler does: it answers the login itself, with a process id and a secret of its own making. */
async function startPooler(serverPort: number): Promise<Pooler> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => {
      // BackendKeyData: Byte1('K') Int32(12) Int32(process id) Int32(secret)
      const at = bytes.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at !== -1) bytes.writeUInt32BE(1_234_567, at + 5);
      client.write(bytes);
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
