import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, skipReason, type TestDatabase } from '../../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { unchanged } from '../../../model/row.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { deleteRow, insertRow, oids, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import type { PostgresSinkOptions } from './postgres-options.ts';
import { postgresSink } from './postgres-sink.ts';

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);

  describe(`the mirror into PostgreSQL ${major}`, { skip }, () => {
    let database: TestDatabase;
    before(async () => {
      database = await createTestDatabase({ major });
    });
    after(() => database[Symbol.asyncDispose]());
    beforeEach(async () => {
      await database.query('drop schema public cascade');
      await database.query('create schema public');
      await database.query('drop schema if exists headwater cascade');
    });

    type MirrorOptions = Partial<Pick<PostgresSinkOptions & { statements?: never }, 'tables' | 'create'>>;

    /** Delivers transactions to the end. */
    async function mirror(
      stage: LaneStage,
      transactions: readonly (readonly UnplacedRecord[])[],
      options: MirrorOptions = {},
    ): Promise<void> {
      for (const transaction of transactions) stage.journal.append(transaction);
      const lane = stage.lane({ sink: postgresSink({ url: database.url, ...options }) });
      await lane.start();
      try {
        await lane.drain();
      } catch (error) {
        throw lane.status().lastFailure?.error ?? error;
      } finally {
        await lane.stop();
      }
    }

    const sqlOf = (hint: string): string => hint.replace(/^Run in the target: /, '');

    const rows = (table: string, order = '1'): Promise<Record<string, unknown>[]> =>
      database.query(`select * from ${table} order by ${order}`);

    const orders: TableSchema = testTable('orders', [
      { name: 'id', typeOid: oids.int4, isKey: true },
      { name: 'total', typeOid: oids.numeric, typeModifier: ((12 << 16) | 2) + 4 },
      { name: 'note' },
    ]);

    test('makes the target from the description of the table and writes every value as its text', async () => {
      await using stage = new LaneStage();
      const types = testTable('types', [
        { name: 'id', typeOid: oids.int8, isKey: true },
        { name: 'Amount', typeOid: oids.numeric },
        { name: 'at', typeOid: oids.timestamptz },
        { name: 'bytes', typeOid: oids.bytea },
        { name: 'doc', typeOid: oids.jsonb },
        { name: 'tags', typeOid: 1009 },
        { name: 'name', typeOid: oids.varchar, typeModifier: 24 },
        { name: 'mood', typeOid: 70_000 },
        { name: 'span', typeOid: 1186 },
        { name: 'bits', typeOid: 1560, typeModifier: 5 },
      ]);
      const values = [
        '9007199254740993',
        '123456789012345678901234567890.10',
        '2026-11-21 07:15:24.123456+00',
        '\\xdeadbeef',
        '{"a": "\\"x\\""}',
      ];
      const more = ['{"a,b","c\\"d\\\\e",NULL}', 'Ünï😀\\"{},', 'sad', '-1 days +02:03:04', '10101'];
      await mirror(stage, [
        [insertRow(types, ...values, ...more)],
        [insertRow(types, '2', 'NaN', 'infinity', '\\x', 'null', '{}', '', null, null, null)],
      ]);
      const found = await database.query(
        `select id::text, "Amount"::text, at::text, bytes::text, doc::text, tags::text, name::text, mood::text, span::text, bits::text from types order by types.id desc`,
      );
      assert.deepEqual(Object.values(found[0] ?? {}), [...values, ...more]);
      const declared = await database.query<{ declared: string }>(
        `select format_type(atttypid, atttypmod) as declared from pg_attribute where attrelid = 'types'::regclass and attnum > 0 order by attnum`,
      );
      assert.deepEqual(
        declared.map((row) => row.declared),
        [
          'bigint',
          'numeric',
          'timestamp with time zone',
          'bytea',
          'jsonb',
          'text[]',
          'character varying(20)',
          'text',
          'interval',
          'bit(5)',
        ],
      );
    });

    test('leaves the target as the source is after inserts, updates, key changes and deletes', async () => {
      await using stage = new LaneStage();
      await mirror(stage, [
        [insertRow(orders, '1', '1.00', 'a'), insertRow(orders, '2', '2.00', 'b'), insertRow(orders, '3', '3.00', 'c')],
        [updateRow(orders, ['1', '1.50', 'a2']), deleteRow(orders, '2'), insertRow(orders, '2', '9.00', 'again')],
        [updateRow(orders, ['4', '3.00', 'c'], ['3', null, null])],
        [deleteRow(orders, '1'), insertRow(orders, '5', null, null)],
      ]);
      assert.deepEqual(await rows('orders'), [
        { id: 2, total: '9.00', note: 'again' },
        { id: 4, total: '3.00', note: 'c' },
        { id: 5, total: null, note: null },
      ]);
    });

    test('keeps a value that an UPDATE left out of line, within a batch and across batches', async () => {
      await using stage = new LaneStage();
      await mirror(stage, [[insertRow(orders, '1', '1.00', 'long'), updateRow(orders, ['1', '2.00', unchanged])]]);
      assert.deepEqual(await rows('orders'), [{ id: 1, total: '2.00', note: 'long' }]);
      await mirror(stage, [
        [updateRow(orders, ['1', '3.00', unchanged])],
        [updateRow(orders, ['7', '3.00', unchanged], ['1', null, null])],
      ]);
      assert.deepEqual(await rows('orders'), [{ id: 7, total: '3.00', note: 'long' }]);
    });

    test('refuses to guess a value of a row that the target does not hold', async () => {
      await using stage = new LaneStage();
      await assert.rejects(
        mirror(stage, [[insertRow(orders, '1', '1.00', 'a')], [updateRow(orders, ['2', '3.00', unchanged])]]),
        {
          code: 'HW-SINK-024',
        },
      );
    });

    test('appends the rows of a table without key, and refuses to change them', async () => {
      await using stage = new LaneStage();
      const history = testTable('history', [{ name: 'what' }], 'nothing');
      await mirror(stage, [[insertRow(history, 'x'), insertRow(history, 'x')]]);
      assert.deepEqual(await rows('history'), [{ what: 'x' }, { what: 'x' }]);
      const full = testTable('history', [{ name: 'what' }], 'full');
      await assert.rejects(mirror(stage, [[deleteRow(full, 'x')]]), { code: 'HW-SINK-021' });
      assert.equal((await rows('history')).length, 2);
    });

    test('finds rows of a table with replica identity FULL by the primary key of the target', async () => {
      await using stage = new LaneStage();
      await database.query('create table people (id int primary key, name text)');
      const people = testTable('people', [{ name: 'id', typeOid: oids.int4 }, { name: 'name' }], 'full');
      await mirror(stage, [
        [insertRow(people, '1', 'a'), insertRow(people, '2', 'b')],
        [updateRow(people, ['1', unchanged], ['1', 'a']), updateRow(people, ['3', 'b'], ['2', 'b'])],
      ]);
      assert.deepEqual(await rows('people'), [
        { id: 1, name: 'a' },
        { id: 3, name: 'b' },
      ]);
    });

    test('truncates all tables of one TRUNCATE at its place among the rows', async () => {
      await using stage = new LaneStage();
      const other = testTable('other', [{ name: 'id', typeOid: oids.int4, isKey: true }]);
      await mirror(stage, [
        [
          insertRow(orders, '1', null, null),
          insertRow(other, '1'),
          truncateTables(orders, other),
          insertRow(orders, '2', null, null),
        ],
      ]);
      assert.deepEqual(await rows('orders'), [{ id: 2, total: null, note: null }]);
      assert.deepEqual(await rows('other'), []);
    });

    test('holds foreign keys between mirrored tables at each commit, deferred or immediate', async () => {
      const parent = testTable('parent', [{ name: 'id', typeOid: oids.int4, isKey: true }]);
      const child = testTable('child', [
        { name: 'id', typeOid: oids.int4, isKey: true },
        { name: 'parent_id', typeOid: oids.int4 },
      ]);
      for (const timing of ['deferrable initially immediate', 'on delete cascade']) {
        await using stage = new LaneStage();
        await database.query('drop table if exists child, parent');
        await database.query('create table parent (id int primary key)');
        await database.query(`create table child (id int primary key, parent_id int references parent ${timing})`);
        await mirror(stage, [
          [insertRow(parent, '1'), insertRow(child, '1', '1')],
          [insertRow(parent, '2'), updateRow(child, ['1', '2']), deleteRow(parent, '1')],
          [insertRow(parent, '3'), insertRow(child, '3', '3'), deleteRow(child, '1'), deleteRow(parent, '2')],
        ]);
        assert.deepEqual(await rows('child'), [{ id: 3, parent_id: 3 }]);
        await database.query(`delete from headwater.checkpoint`);
      }
    });

    test('keeps the order of statements where a further unique index watches them', async () => {
      await using stage = new LaneStage();
      await database.query('create table slots (id int primary key, place int unique)');
      const slots = testTable('slots', [
        { name: 'id', typeOid: oids.int4, isKey: true },
        { name: 'place', typeOid: oids.int4 },
      ]);
      await mirror(stage, [
        [insertRow(slots, '1', '10'), insertRow(slots, '2', '20')],
        [updateRow(slots, ['1', '30']), updateRow(slots, ['2', '10']), updateRow(slots, ['1', '20'])],
      ]);
      assert.deepEqual(await rows('slots'), [
        { id: 1, place: 20 },
        { id: 2, place: 10 },
      ]);
    });

    test('writes under the names that it is given', async () => {
      await using stage = new LaneStage();
      await mirror(stage, [[insertRow(orders, '1', null, 'x')]], { tables: { 'public.orders': 'copy.Orders 2' } });
      assert.deepEqual(await rows('copy."Orders 2"'), [{ id: 1, total: null, note: 'x' }]);
    });

    test('adds a column to a table that it made, and names what else was changed', async () => {
      await using stage = new LaneStage();
      const wider = testTable('orders', [...orders.columns, { name: 'extra', typeOid: oids.int4 }]);
      await mirror(stage, [[insertRow(orders, '1', null, 'x')], [insertRow(wider, '2', null, 'y', '5')]]);
      assert.deepEqual(await rows('orders'), [
        { id: 1, total: null, note: 'x', extra: null },
        { id: 2, total: null, note: 'y', extra: 5 },
      ]);
      const retyped = testTable('orders', [...wider.columns.slice(0, 3), { name: 'extra', typeOid: oids.timestamptz }]);
      await assert.rejects(mirror(stage, [[insertRow(retyped, '3', null, 'z', 'infinity')]]), {
        code: 'HW-SINK-023',
        hint: 'Run in the target: alter table "public"."orders" alter column "extra" type timestamp with time zone using "extra"::text::timestamp with time zone;',
      });
      await database.query('alter table orders alter column extra type timestamptz using null');
      await mirror(stage, []);
      const dropped = testTable('orders', orders.columns.slice(0, 2));
      await assert.rejects(mirror(stage, [[insertRow(dropped, '4', null)]]), {
        code: 'HW-SINK-023',
        hint: 'Run in the target: alter table "public"."orders" drop column "note";',
      });
      await database.query('alter table orders drop column note, drop column extra');
      await mirror(stage, []);
      assert.deepEqual(
        (await rows('orders')).map(({ id }) => id),
        [1, 2, 3, 4],
      );
    });

    test('names the column of a table of others that does not fit, and the index that it lacks', async () => {
      const misfits = [
        ['id int primary key, total numeric(12,2)', 'HW-SINK-020', 'note'],
        ['id int primary key, total int, note text', 'HW-SINK-020', 'total'],
        ['id int primary key, total numeric(10,2), note text', 'HW-SINK-020', 'total'],
        ['id int primary key, total numeric(12,2), note text, owner text not null', 'HW-SINK-020', 'owner'],
        [
          'id int primary key, total numeric(12,2), note text generated always as (id::text) stored',
          'HW-SINK-020',
          'note',
        ],
      ] as const;
      let advice = '';
      for (const [columns, code, column] of misfits) {
        await using stage = new LaneStage();
        await database.query('drop table if exists orders');
        await database.query(`create table orders (${columns.replace('id::text', "'x'")})`);
        await assert.rejects(mirror(stage, [[insertRow(orders, '1', null, 'x')]]), (error: unknown) => {
          assert.ok(error instanceof HeadwaterError && error.code === code);
          assert.deepEqual(error.details, { table: '"public"."orders"', column });
          advice = error.hint;
          return true;
        });
        await database.query(sqlOf(advice));
        await mirror(stage, []);
        assert.equal((await rows('orders')).length, 1, 'the hint can be run as it stands');
        await database.query(`delete from headwater.checkpoint; delete from headwater.mirrored_table`);
      }
      await using stage = new LaneStage();
      await database.query('drop table orders');
      await database.query(`create table orders (id int, total numeric, note text)`);
      await assert.rejects(mirror(stage, [[insertRow(orders, '1', null, 'x')]]), { code: 'HW-SINK-022' });
    });

    test('never cuts off a value that is too long for the target', async () => {
      await using stage = new LaneStage();
      const names = testTable('names', [
        { name: 'id', typeOid: oids.int4, isKey: true },
        { name: 'name', typeOid: oids.varchar, typeModifier: 7 },
      ]);
      await assert.rejects(mirror(stage, [[insertRow(names, '1', 'abcdef')]]), {
        code: 'HW-SINK-007',
        details: { sqlState: '22001', record: '7385-1-0/140-0', sequence: '1', ordinal: 0, table: 'public.names' },
      });
      assert.equal(
        (await database.query(`select to_regclass('names') as name`))[0]?.['name'],
        null,
        'nothing of the transaction stays',
      );
    });

    test('runs the statements of the user in the transaction of the checkpoint', async () => {
      await using stage = new LaneStage();
      await database.query('create table totals (day text primary key, sum numeric)');
      stage.journal.append([insertRow(orders, '1', '2.50', 'x'), insertRow(orders, '2', '1.25', 'x')]);
      const sink = postgresSink({
        url: database.url,
        statements: (record) =>
          record.kind === 'insert'
            ? [
                {
                  text: 'insert into totals values ($1, $2) on conflict (day) do update set sum = totals.sum + excluded.sum',
                  values: ['d', record.after[1]],
                },
              ]
            : [],
      });
      const lane = stage.lane({ sink });
      await lane.start();
      await lane.drain();
      await lane.stop();
      assert.deepEqual(await rows('totals'), [{ day: 'd', sum: '3.75' }]);
      const again = stage.lane({ sink });
      await again.start();
      await again.drain();
      assert.deepEqual(await rows('totals'), [{ day: 'd', sum: '3.75' }]);
    });

    test('shows no part of a large transaction before its commit', async () => {
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: postgresSink({ url: database.url }), batch: { recordCountMax: 100 } });
      await lane.start();
      stage.journal.append([insertRow(orders, '0', null, 'first')]);
      await lane.drain();
      const seen = new Set<number>();
      const fragments = Array.from({ length: 20 }, (_, part) =>
        Array.from({ length: 250 }, (_, index) => insertRow(orders, String(1 + part * 250 + index), '1', 'x')),
      );
      stage.journal.append(...fragments);
      const drained = lane.drain();
      while (lane.status().lag.transactionCount > 0n) seen.add((await rows('orders')).length);
      await drained;
      seen.add((await rows('orders')).length);
      assert.deepEqual([...seen].sort((left, right) => left - right).slice(0, 2), [1, 5001]);
      assert.equal(seen.size, 2);
    });

    test('refuses a writer that another one has taken the lane from', async () => {
      await using stage = new LaneStage();
      const definition = postgresSink({ url: database.url });
      const header = { sequence: stage.journal.append([insertRow(orders, '1', null, 'x')]) };
      assert.equal(header.sequence, 1n);
      const { signal } = stage.sinkContext();
      await using stale = await definition.open(stage.sinkContext());
      await using fresh = await definition.open(stage.sinkContext());
      const from = {
        journalId: 'j',
        sequence: 0n,
        recordCount: 0,
        systemId: '',
        timeline: 0,
        commitEndLsn: 0n,
        commitTimeMicros: 0n,
      } as Parameters<typeof stale.write>[0]['from'];
      const batch = { records: [], from, to: { ...from, sequence: 1n } as typeof from, endsTransaction: true };
      await assert.rejects(stale.write(batch, signal), { code: 'HW-SINK-008' });
      await fresh.write(batch, signal);
      assert.equal((await fresh.readCheckpoint(signal))?.sequence, 1n);
      await assert.rejects(
        fresh.write(batch, signal),
        { code: 'HW-SINK-008' },
        'a batch that was written is not written twice',
      );
    });
  });
}
