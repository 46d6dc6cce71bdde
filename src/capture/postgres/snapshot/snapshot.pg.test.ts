import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  startPrivatePostgres,
  type PostgresMajor,
  type TestDatabase,
} from '../../../../scripts/services/testing.ts';
import { createSeededRandom, systemRandom, type Random } from '../../../foundation/random.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { unchanged } from '../../../model/row.ts';
import { parseLsn } from '../../../model/lsn.ts';
import { MemoryRecorder } from '../../testing/memory-recorder.ts';
import { decodeTransactions, startMortalSource, startTestSource, waitUntil } from '../../testing/open-source.ts';

const rowCount = 3000;

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`a snapshot of PostgreSQL ${major}`, { skip }, () => {
    test('joins the stream without a hole while others write: no key goes back in time, no deleted row rises again', async () => {
      await using database = await createTestDatabase({ major });
      const url = await prepareTable(database);
      const recorder = new MemoryRecorder();
      const writers = startWriters(database, 6);
      await using source = await startTestSource({
        url,
        slotName: `${database.name}_slot`,
        recorder,
        copies: true,
        chunkRowsMax: 100,
      });
      await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 60_000);
      await writers.stop();
      await settle(database, () => recorder);
      const report = source.report();
      assert.deepEqual(report.uncopiedTables, []);
      const chunks = recorder.durable.transactions.filter(({ boundary }) => boundary.xid === 0);
      assert.ok(chunks.length >= rowCount / 2 / 100, `${chunks.length} chunks`);
      assert.deepEqual(foldChecked(decodeTransactions(recorder)), await tableRows(database));
    });

    test('takes a table without a key whole, in place of what came before, while others insert', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table log (line text)');
      await database.query('alter table log replica identity full');
      await database.query(`insert into log select 'old ' || i from generate_series(1, 2000) i`);
      await database.query('create publication headwater for table log');
      const url = await database.grantRole('capture', { copiedTables: ['public.log'] });
      const recorder = new MemoryRecorder();
      const stopping = new AbortController();
      const inserting = (async (): Promise<void> => {
        const client = await database.connect();
        for (let line = 0; !stopping.signal.aborted; line += 1)
          await client.query('insert into log values ($1)', [`new ${line}`]);
      })();
      await using source = await startTestSource({ url, slotName: `${database.name}_slot`, recorder, copies: true });
      await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 60_000);
      stopping.abort();
      await inserting;
      await settle(database, () => recorder, `insert into log values ('last')`);
      const lines: string[] = [];
      for (const record of decodeTransactions(recorder).flat()) {
        if (record.kind === 'truncate') lines.length = 0;
        else if (record.kind === 'insert' || record.kind === 'read') lines.push(String(record.after[0]));
      }
      const rows = await database.query<{ line: string }>('select line from log');
      assert.deepEqual(lines.toSorted(), rows.map(({ line }) => line).toSorted());
    });

    for (const [name, columns, values] of [
      ['of type char', 'id char(12) primary key', `lpad(i::text, 12, 'k')`],
      ['of type bit', 'id bit(16) primary key', 'i::bit(16)'],
      [
        'of an extension',
        'id citext primary key',
        `case when i % 2 = 0 then 'K' else 'k' end || lpad(i::text, 5, '0')`,
      ],
      [
        'of an enum and a domain',
        'id mood, part label, primary key (id, part)',
        `(array['sad', 'ok']::mood[])[i % 2 + 1], i`,
      ],
      [
        'of three columns',
        'id citext, part int, rest text, primary key (id, part, rest)',
        `case when i % 2 = 0 then 'K' else 'k' end || i % 7, i % 50, i`,
      ],
      ['with a further column', 'id int, note text, primary key (id) include (note)', `i, nullif(i % 3, 0)`],
    ] as const) {
      test(`walks through every row of a table with a key ${name}`, async () => {
        await using database = await createTestDatabase({ major });
        await database.query('create extension citext');
        await database.query(`create type mood as enum ('sad', 'ok')`);
        await database.query('create domain label as varchar(9)');
        await database.query(`create table t (${columns})`);
        await database.query(`insert into t select ${values} from generate_series(1, 1500) i`);
        await database.query('create publication headwater for table t');
        const url = await database.grantRole('capture', { copiedTables: ['public.t'] });
        const recorder = new MemoryRecorder();
        const options = { url, slotName: `${database.name}_slot`, recorder, copies: true, chunkRowsMax: 200 };
        await using source = await startTestSource(options);
        await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 30_000);
        const read = decodeTransactions(recorder)
          .flat()
          .map((record) => (record.kind === 'read' ? record.after.map(String) : assert.fail()));
        const names = await database.query<{ name: string }>(
          `select attname as name from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum`,
        );
        const texts = names.map((column) => `coalesce(${column.name}::text, 'null')`).join(', ');
        const rows = await database.query<{ texts: string[] }>(`select array[${texts}] as texts from t`);
        const toLine = (row: readonly string[]): string => row.map((value) => value.trim()).join('|');
        assert.deepEqual(read.map(toLine).toSorted(), rows.map((row) => toLine(row.texts)).toSorted());
      });
    }

    test('reads rows that were moved by their keys, as the index tells them apart', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create extension citext');
      await database.query('create table t (id citext, part int, big text, primary key (id, part))');
      await database.query('alter table t alter column big set storage external');
      await database.query(
        `insert into t select 'k' || lpad(i::text, 5, '0'), i, repeat(i || '-', 1000) from generate_series(1, 3000) i`,
      );
      await database.query('create publication headwater for table t');
      const url = await database.grantRole('capture', { copiedTables: ['public.t'] });
      const recorder = new MemoryRecorder();
      const options = { url, slotName: `${database.name}_slot`, recorder, copies: true, chunkRowsMax: 50 };
      await using source = await startTestSource(options);
      await waitUntil(() => (source.report().copies[0]?.rowCount ?? 0) > 500, 'the copy is under way');
      await database.query(`update t set id = 'A' || part where part > 2900`);
      await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 60_000);
      const known = new Map<string, string>();
      for (const record of decodeTransactions(recorder).flat()) {
        if (record.kind !== 'read' && record.kind !== 'update') continue;
        const [, part, big] = record.after;
        if (big !== unchanged) known.set(String(part), String(big));
      }
      for (let part = 1; part <= 3000; part += 1) assert.equal(known.get(String(part)), `${part}-`.repeat(1000));
    });

    test('says which table it cannot copy, why, and copies it once that is mended', async () => {
      await using database = await createTestDatabase({ major });
      const url = await prepareTable(database, []);
      const recorder = new MemoryRecorder();
      await using source = await startTestSource({ url, slotName: `${database.name}_slot`, recorder, copies: true });
      await waitUntil(() => source.report().copies[0]?.state === 'refused', 'the copy is refused');
      assert.equal(source.report().copies[0]?.reason, 'the role may not read it');
      assert.deepEqual(
        source.report().uncopiedTables.map(({ tableName }) => tableName),
        ['t'],
      );
      await database.grantRole('capture', { copiedTables: ['public.t'] });
      source.requestCopies([]);
      await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 60_000);
      assert.deepEqual(foldChecked(decodeTransactions(recorder)), await tableRows(database));
    });

    test('copies no table of which rows are hidden from its role, and all of it once they are not', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id int primary key)');
      await database.query('insert into t select generate_series(1, 10)');
      await database.query('alter table t enable row level security');
      await database.query('create policy visible on t using (id > 5)');
      await database.query('create publication headwater for table t');
      const url = await database.grantRole('capture', { copiedTables: ['public.t'] });
      const recorder = new MemoryRecorder();
      await using source = await startTestSource({ url, slotName: `${database.name}_slot`, recorder, copies: true });
      await waitUntil(() => source.report().copies[0]?.state !== undefined, 'the copy is looked at');
      await waitUntil(() => source.report().copies[0]?.state === 'refused', 'the copy is refused', 5000);
      assert.match(source.report().copies[0]?.reason ?? '', /row-level security/);
      assert.deepEqual(decodeTransactions(recorder).flat(), []);
      await database.query(`alter role ${database.name}_capture bypassrls`);
      source.requestCopies([]);
      await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 60_000);
      assert.equal(decodeTransactions(recorder).flat().length, 10);
    });

    test('keeps no transaction open for longer than a chunk', async () => {
      await using database = await createTestDatabase({ major });
      const url = await prepareTable(database);
      const recorder = new MemoryRecorder();
      const options = { url, slotName: `${database.name}_slot`, recorder, copies: true, chunkRowsMax: 50 };
      await using source = await startTestSource(options);
      const starts = new Map<string, number>();
      await waitUntil(
        async () => {
          const rows = await database.query<{ started: string; age: string }>(
            `select xact_start::text as started, extract(epoch from clock_timestamp() - xact_start)::text as age
               from pg_stat_activity where usename = $1 and backend_xmin is not null and backend_type = 'client backend'`,
            [`${database.name}_capture`],
          );
          for (const { age, started } of rows) starts.set(started, Number(age));
          return source.report().copies[0]?.state === 'done';
        },
        'the copy is done',
        60_000,
      );
      assert.ok(starts.size >= 3, `${starts.size} transactions were seen`);
      const longest = Math.max(...starts.values());
      assert.ok(longest < 2, `a transaction was open for ${longest} s`);
    });

    test('stops at once, and says why, when the server gives its slot up', async () => {
      await using server = await startPrivatePostgres({
        major,
        settings: { max_slot_wal_keep_size: '32MB', min_wal_size: '32MB', max_wal_size: '64MB' },
      });
      await using database = await createTestDatabase({ server });
      const url = await prepareTable(database);
      const recorder = new MemoryRecorder();
      const options = { url, slotName: `${database.name}_slot`, recorder, copies: true, chunkRowsMax: 1 };
      await using source = await startTestSource(options);
      await waitUntil(() => (source.report().copies[0]?.rowCount ?? 0) > 3, 'the copy is under way');
      // An open transaction holds the WAL that the slot needs, and then there is too much of it.
      const holder = await database.connect();
      await holder.query('begin');
      await holder.query('update t set version = version + 1 where id = 2');
      for (let turn = 0; turn < 12; turn += 1) {
        await database.query(`select pg_logical_emit_message(false, 'filler', repeat('x', 16000000))`);
        await database.query('select pg_switch_wal()');
      }
      await database.query('checkpoint');
      const error = await source.finished;
      assert.equal(error?.code, 'HW-SOURCE-013');
      const [copy] = source.report().copies;
      assert.equal(copy?.state, 'copying');
      assert.ok(copy.rowCount < rowCount / 2, 'it did not go on');
    });

    test('begins again when more rows were moved than progress can carry, with keys of several columns', async () => {
      await using database = await createTestDatabase({ major });
      await database.query(
        'create table t (big text, part text, version bigint not null, id bigint, primary key (id, part))',
      );
      await database.query('alter table t alter column big set storage external');
      await database.query(
        `insert into t select repeat(i::text || '-', 1000), 'it''s \\ ' || i, 0, i from generate_series(1, 12000) i`,
      );
      await database.query('create publication headwater for table t');
      const url = await database.grantRole('capture', { copiedTables: ['public.t'] });
      const recorder = new MemoryRecorder();
      const options = { url, slotName: `${database.name}_slot`, recorder, copies: true, chunkRowsMax: 50 };
      await using source = await startTestSource(options);
      await waitUntil(() => (source.report().copies[0]?.rowCount ?? 0) > 100, 'the copy is under way');
      await database.query('update t set id = -id, version = 1 where id % 1000 = 999');
      await database.query('update t set id = -id, version = 1 where id > 500 and id % 1000 <> 999');
      await waitUntil(() => source.report().copies[0]?.state === 'done', 'the copy is done', 120_000);
      const rows = new Map<string, string>();
      const keyOf = (row: readonly unknown[]): string => `${String(row[3])} ${String(row[1])}`;
      let read = 0;
      for (const record of decodeTransactions(recorder).flat()) {
        if (record.kind !== 'read' && record.kind !== 'update') continue;
        if (record.kind === 'read') read += 1;
        const before =
          record.kind === 'update' && record.before !== undefined ? rows.get(keyOf(record.before)) : undefined;
        if (record.kind === 'update' && record.before !== undefined) rows.delete(keyOf(record.before));
        const [big] = record.after;
        if (big !== unchanged) rows.set(keyOf(record.after), md5(String(big)));
        else if (before !== undefined) rows.set(keyOf(record.after), before);
      }
      const expected = await database.query<{ key: string; big: string }>(
        `select id || ' ' || part as key, md5(big) as big from t`,
      );
      assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(expected.map(({ big, key }) => [key, big])));
      assert.ok(read > 12_000, `${read} rows were read: it began again`);
    });

    test('ends at the last row that was there when it began: later ones come by the stream alone', async () => {
      await using database = await createTestDatabase({ major });
      const url = await prepareTable(database);
      const recorder = new MemoryRecorder();
      const options = { url, slotName: `${database.name}_slot`, recorder, copies: true, chunkRowsMax: 100 };
      await using source = await startTestSource(options);
      const copied = (): number => source.report().copies[0]?.rowCount ?? 0;
      await waitUntil(() => copied() > 0, 'the copy is under way');
      let next = 2 * rowCount;
      while (source.report().copies[0]?.state !== 'done') {
        await database.query(`insert into t select i, 1, 'new', 'big' from generate_series(${next}, ${next + 99}) i`);
        next += 100;
        assert.ok(copied() <= rowCount / 2, `${copied()} rows were read, though the table held ${rowCount / 2}`);
      }
      await settle(database, () => recorder);
      assert.ok(next > 2 * rowCount, 'rows were inserted behind it');
      assert.equal(copied(), rowCount / 2);
      assert.deepEqual(foldChecked(decodeTransactions(recorder)), await tableRows(database));
    });

    test('goes on behind its last chunk when it is killed, again and again', async () => {
      await using database = await createTestDatabase({ major });
      const url = await prepareTable(database);
      const slotName = `${database.name}_slot`;
      const writers = startWriters(database, 2);
      let recorder = new MemoryRecorder();
      let kills = 0;
      for (;;) {
        const mortal = await startMortalSource({ url, slotName, recorder, copies: true, chunkRowsMax: 100 });
        const copied = (): number => mortal.source.report().copies[0]?.rowCount ?? 0;
        const before = recorder.state.copies[0]?.rowCount ?? 0;
        const isDone = (): boolean => mortal.source.report().copies[0]?.state === 'done';
        await waitUntil(() => isDone() || copied() >= before + 300, 'some chunks came', 60_000);
        if (isDone()) {
          await writers.stop();
          await settle(database, () => recorder);
          await mortal.source.stop();
          break;
        }
        recorder = await mortal.kill();
        kills += 1;
        const { copies } = recorder.state;
        assert.ok(copies[0] === undefined || copies[0].rowCount >= before, 'what was copied stays copied');
      }
      assert.ok(kills >= 3, `${kills} kills`);
      assert.deepEqual(foldChecked(decodeTransactions(recorder)), await tableRows(database));
      const records = decodeTransactions(recorder).flat();
      const read = records.filter(({ kind }) => kind === 'read').length;
      // What was inserted before it began is read too, and a row that was moved into its past once more for each move.
      const added = records.filter(({ kind }) => kind === 'insert').length;
      const moved = records.filter((record) => record.kind === 'update' && record.before !== undefined).length;
      const most = rowCount + added + moved + 100 * (kills + 1);
      assert.ok(read < most, `${read} rows were read for ${rowCount}, ${added} new ones and ${moved} moves`);
    });
  });
}

/** A table with half of its rows, each with a value that PostgreSQL stores out of line. */
async function prepareTable(database: TestDatabase, copiedTables = ['public.t']): Promise<string> {
  await database.query(
    'create table t (id bigint primary key, version bigint not null, small text, big text not null)',
  );
  await database.query('alter table t alter column big set storage external');
  await database.query(
    `insert into t select i, 0, 'a\\tb\\' || i, repeat(i::text || '-', 1000) from generate_series(1, ${rowCount}) i where i % 2 = 0`,
  );
  await database.query('create publication headwater for table t');
  return await database.grantRole('capture', { copiedTables });
}

interface Writers {
  stop(): Promise<void>;
}

/** Sessions that insert new ids, change rows without their big value, delete for good, and move rows to ids of their own. */
function startWriters(database: TestDatabase, count: number): Writers {
  const seed = Buffer.from(systemRandom.bytes(4)).readUInt32LE();
  process.stdout.write(`seed ${seed}\n`);
  const stopping = new AbortController();
  const write = async (writer: number): Promise<void> => {
    const random = createSeededRandom(seed + writer);
    const client = await database.connect();
    let next = 1_000_000 * (writer + 1);
    while (!stopping.signal.aborted) {
      const id = 2 + 2 * Math.floor((random.next() * rowCount) / 2);
      await client.query('begin');
      if (random.next() < 0.3) await client.query('set local synchronous_commit = off');
      for (let statement = 0; statement < 1 + random.next() * 3; statement += 1) {
        next += 1;
        await client.query(pickStatement(random, id + statement * 2, next)).catch(() => undefined);
      }
      await client.query(random.next() < 0.1 ? 'rollback' : 'commit');
    }
  };
  const running = Array.from({ length: count }, (_, writer) => write(writer));
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

function pickStatement(random: Random, id: number, next: number): string {
  const chance = random.next();
  if (chance < 0.15) return `insert into t values (${next}, 1, 'new', 'big')`;
  if (chance < 0.2) return `delete from t where id = ${id}`;
  // To a place that may be copied already, from one that may not.
  if (chance < 0.3) return `update t set id = ${-next}, version = version + 1 where id = ${id}`;
  return `update t set version = version + 1, small = 'changed' where id = ${id}`;
}

/** Waits until everything that was committed is durable. */
async function settle(
  database: TestDatabase,
  recorder: () => MemoryRecorder,
  last = `insert into t values (9, 1, 'last', 'big')`,
): Promise<void> {
  await database.query(last);
  const [end] = await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  const endLsn = parseLsn(end?.lsn ?? '');
  await waitUntil(() => recorder().state.recordedLsn >= endLsn, 'everything is durable', 30_000);
}

async function tableRows(database: TestDatabase): Promise<Record<string, string>> {
  const rows = await database.query<{ id: string; text: string }>(
    `select id::text, version || ' ' || coalesce(small, '-') || ' ' || md5(big) as text from t`,
  );
  return Object.fromEntries(rows.map(({ id, text }) => [id, text]));
}

/** The state that the records lead to, each step of which is checked. */
function foldChecked(transactions: readonly (readonly JournalRecord[])[]): Record<string, string> {
  const rows = new Map<string, readonly (string | null)[]>();
  const versions = new Map<string, number>();
  const deleted = new Set<string>();
  for (const record of transactions.flat()) {
    if (record.kind === 'delete') {
      const id = String(record.before[0]);
      rows.delete(id);
      deleted.add(id);
    } else if (record.kind === 'insert' || record.kind === 'read' || record.kind === 'update') {
      const id = String(record.after[0]);
      assert.ok(!deleted.has(id), `row ${id} rose again by ${record.kind}`);
      const version = Number(record.after[1]);
      assert.ok(version >= (versions.get(id) ?? 0), `row ${id} went back to version ${version} by ${record.kind}`);
      versions.set(id, version);
      const previousId = record.kind === 'update' && record.before !== undefined ? String(record.before[0]) : id;
      const known = rows.get(previousId);
      if (previousId !== id) rows.delete(previousId);
      // A row that is not copied yet comes whole later on.
      if (record.kind === 'update' && known === undefined) continue;
      rows.set(
        id,
        record.after.map((value, index) => (value === unchanged ? (known?.[index] ?? null) : value)),
      );
    }
  }
  return Object.fromEntries(
    [...rows].map(([id, [, version, small, big]]) => [id, `${version} ${small ?? '-'} ${md5(big ?? '')}`]),
  );
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
