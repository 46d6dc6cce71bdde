import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, skipReason, type TestDatabase } from '../../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { unchanged } from '../../../model/row.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { deleteRow, insertRow, oids, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import type { TableTarget } from './postgres-options.ts';
import { postgresSink } from './postgres-sink.ts';

for (const major of [15, 18] as const) {
  describe(`a map into PostgreSQL ${major}`, { skip: await skipReason(`postgres${major}`) }, () => {
    let database: TestDatabase;
    before(async () => {
      database = await createTestDatabase({ major });
    });
    after(() => database[Symbol.asyncDispose]());
    beforeEach(async () => {
      await database.query('drop schema public cascade');
      await database.query('create schema public');
      await database.query('drop schema if exists headwater cascade');
      await database.query('drop schema if exists facts cascade');
    });

    async function deliver(
      stage: LaneStage,
      transactions: readonly (readonly UnplacedRecord[])[],
      tables: Readonly<Record<string, string | TableTarget>>,
      create: 'if-missing' | 'never' = 'if-missing',
    ): Promise<void> {
      for (const transaction of transactions) stage.journal.append(transaction);
      const lane = stage.lane({ sink: postgresSink({ url: database.url, tables, create }) });
      try {
        await lane.start();
        await lane.drain();
      } catch (error) {
        throw lane.status().lastFailure?.error ?? error;
      } finally {
        await lane.stop();
      }
    }

    const rows = (table: string): Promise<Record<string, unknown>[]> =>
      database.query(`select * from ${table} order by 1`);

    const columns = [
      { name: 'id', typeOid: oids.int4, isKey: true },
      { name: 'total', typeOid: oids.numeric },
      { name: 'note' },
      { name: 'secret' },
    ];
    const orders = testTable('orders', columns);
    const map: TableTarget = {
      name: 'facts.sales',
      columns: {
        order_id: 'id',
        origin: { value: 'shop-eu' },
        amount_cents: { from: ['total'], value: (total) => (total === null ? null : total.replace('.', '')) },
        remark: 'note',
      },
      key: ['origin', 'order_id'],
    };
    const makeSales = async (): Promise<void> => {
      await database.query('create schema if not exists facts');
      await database.query('drop table if exists facts.sales');
      await database.query(
        `create table facts.sales (order_id bigint, origin text, amount_cents bigint, remark text,
          reviewed boolean not null default false, primary key (order_id, origin))`,
      );
    };
    const sale = (id: number, cents: string | null, remark: string | null, reviewed = false): object => ({
      order_id: String(id),
      origin: 'shop-eu',
      amount_cents: cents,
      remark,
      reviewed,
    });

    test('writes, changes and deletes rows of a differing table, and leaves its other rows and columns alone', async () => {
      await using stage = new LaneStage();
      await makeSales();
      await database.query(`insert into facts.sales values (1, 'shop-us', 5, 'theirs', true)`);
      await deliver(
        stage,
        [
          [
            insertRow(orders, '1', '1.00', 'a', 's'),
            insertRow(orders, '2', '2.50', 'b', 's'),
            insertRow(orders, '3', null, null, 's'),
          ],
        ],
        { 'public.orders': map },
      );
      await database.query(`update facts.sales set reviewed = true where order_id = 2`);
      await deliver(
        stage,
        [
          [updateRow(orders, ['2', '2.75', 'b2', 's2']), deleteRow(orders, '1')],
          [deleteRow(orders, '3'), insertRow(orders, '3', '9.00', 'c', 's')],
        ],
        { 'public.orders': map },
      );
      assert.deepEqual(await database.query('select * from facts.sales order by origin, order_id'), [
        sale(2, '275', 'b2', true),
        sale(3, '900', 'c'),
        { order_id: '1', origin: 'shop-us', amount_cents: '5', remark: 'theirs', reviewed: true },
      ]);
    });

    test('keeps what an UPDATE left out of line, also when a function makes it, within a batch and across batches', async () => {
      await using stage = new LaneStage();
      await makeSales();
      await deliver(
        stage,
        [[insertRow(orders, '1', '1.00', 'long', 's')], [updateRow(orders, ['1', unchanged, 'short', unchanged])]],
        { 'public.orders': map },
      );
      assert.deepEqual(await rows('facts.sales'), [sale(1, '100', 'short')]);
      await deliver(stage, [[updateRow(orders, ['1', '3.00', unchanged, unchanged])]], { 'public.orders': map });
      assert.deepEqual(await rows('facts.sales'), [sale(1, '300', 'short')]);
    });

    test('moves the row when its key changes, with what is out of line', async () => {
      await using stage = new LaneStage();
      await makeSales();
      await deliver(
        stage,
        [
          [insertRow(orders, '1', '1.00', 'a', 's'), insertRow(orders, '2', '2.00', 'b', 's')],
          [
            updateRow(orders, ['10', '1.00', 'a', 's'], ['1', null, null, null]),
            updateRow(orders, ['20', unchanged, unchanged, 's'], ['2', null, null, null]),
          ],
        ],
        { 'public.orders': map },
      );
      assert.deepEqual(await rows('facts.sales'), [sale(10, '100', 'a'), sale(20, '200', 'b')]);
    });

    test('finds rows by a key that a function makes, with REPLICA IDENTITY FULL', async () => {
      await using stage = new LaneStage();
      await database.query('create table people (email text primary key, name text)');
      const people = testTable('people', [{ name: 'id' }, { name: 'mail' }, { name: 'name' }], 'full');
      const lower: TableTarget = {
        columns: { email: { from: ['mail'], value: (mail) => mail?.toLowerCase() ?? null }, name: 'name' },
        key: ['email'],
      };
      await deliver(
        stage,
        [
          [insertRow(people, '1', 'A@x', 'a'), insertRow(people, '2', 'B@x', 'b'), insertRow(people, '3', 'C@x', 'c')],
          [
            updateRow(people, ['1', 'D@x', unchanged], ['1', 'A@x', 'a']),
            updateRow(people, ['2', unchanged, 'b2'], ['2', 'B@x', 'b']),
            deleteRow(people, '3', 'C@x', 'c'),
          ],
        ],
        { 'public.people': lower },
      );
      assert.deepEqual(await rows('people'), [
        { email: 'b@x', name: 'b2' },
        { email: 'd@x', name: 'a' },
      ]);
    });

    test('refuses to guess a value of which an UPDATE carries a part', async () => {
      await using stage = new LaneStage();
      const joined: TableTarget = {
        columns: { id: 'id', line: { from: ['total', 'note'], value: (total, note) => `${total} ${note}` } },
      };
      await deliver(stage, [[insertRow(orders, '1', '1.00', 'long', 's')]], { 'public.orders': joined });
      await deliver(stage, [[updateRow(orders, ['1', unchanged, unchanged, 's'])]], { 'public.orders': joined });
      await assert.rejects(
        deliver(stage, [[updateRow(orders, ['1', '2.00', unchanged, 's'])]], { 'public.orders': joined }),
        { code: 'HW-SINK-028' },
      );
      assert.deepEqual(await rows('orders'), [{ id: 1, line: '1.00 long' }]);
    });

    test('makes the target when it may: columns of the source by their types, all others as text', async () => {
      await using stage = new LaneStage();
      await deliver(stage, [[insertRow(orders, '1', '1.50', 'a', 's')]], { 'public.orders': map });
      const declared = await database.query(
        `select attname, format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'facts.sales'::regclass and attnum > 0 order by attnum`,
      );
      assert.deepEqual(
        declared.map((row) => `${String(row['attname'])} ${String(row['type'])}`),
        ['order_id integer', 'origin text', 'amount_cents text', 'remark text'],
      );
    });

    test('stops in front of a row that a function fails for, and goes on with a mended one', async () => {
      await using stage = new LaneStage();
      await makeSales();
      const broken = (value: (total: string | null) => string | null): TableTarget => ({
        ...map,
        columns: { ...map.columns, amount_cents: { from: ['total'], value } },
      });
      const failing = broken((total) => {
        if (total === '2.00') throw new TypeError('no such field');
        return '1';
      });
      const transactions = [[insertRow(orders, '1', '1.00', 'a', 's')], [insertRow(orders, '2', '2.00', 'b', 's')]];
      await assert.rejects(deliver(stage, transactions, { 'public.orders': failing }), (error: unknown) => {
        assert.ok(error instanceof HeadwaterError);
        assert.equal(error.code, 'HW-SINK-027');
        assert.equal(error.details['sequence'], '2');
        return true;
      });
      assert.equal((await rows('facts.sales')).length, 1);
      const number = broken(() => 7 as unknown as string);
      await assert.rejects(deliver(stage, [], { 'public.orders': number }), { code: 'HW-SINK-027' });
      await deliver(stage, [], { 'public.orders': map });
      assert.deepEqual(await rows('facts.sales'), [sale(1, '1', 'a'), sale(2, '200', 'b')]);
    });

    test('names at its start the column or the unique index that the target lacks, with SQL that can be run', async () => {
      await database.query('create schema if not exists facts');
      const lacking = [
        ['order_id bigint, origin text, amount_cents bigint, unique (order_id, origin)', 'HW-SINK-020'],
        ['order_id bigint, origin text, amount_cents bigint, remark text, unique (order_id)', 'HW-SINK-022'],
      ] as const;
      for (const [declared, code] of lacking) {
        await using stage = new LaneStage();
        await database.query('drop table if exists facts.sales');
        await database.query(`create table facts.sales (${declared})`);
        let advice = '';
        const open = async (): Promise<void> => {
          await using sink = await postgresSink({ url: database.url, tables: { 'public.orders': map } }).open(
            stage.sinkContext(),
          );
          assert.ok(sink);
        };
        await assert.rejects(open(), (error: unknown) => {
          assert.ok(error instanceof HeadwaterError);
          assert.equal(error.code, code);
          advice = error.hint.replace(/^Run in the target: /, '');
          return true;
        });
        await database.query(advice);
        await open();
      }
      await using stage = new LaneStage();
      await database.query('drop table facts.sales');
      await assert.rejects(deliver(stage, [], { 'public.orders': map }, 'never'), { code: 'HW-SINK-006' });
    });

    test('refuses a map that a DELETE could not be applied by, and one whose columns the source has not', async () => {
      const byNote: TableTarget = { columns: { id: 'id', note: 'note' }, key: ['note'] };
      const withoutKey: TableTarget = { columns: { note: 'note' } };
      const madeKey: TableTarget = { columns: { id: { from: ['id'], value: () => 'same' } } };
      const missing: TableTarget = { columns: { id: 'id', amount: 'amount' } };
      const cases = [
        [byNote, 'HW-SINK-022', /Run in the source: alter table "public"."orders" replica identity full;/],
        [withoutKey, 'HW-SINK-022', /Add id to/],
        [madeKey, 'HW-SINK-022', /Add id to/],
        [missing, 'HW-SINK-023', /columns that the source has/],
      ] as const;
      for (const [target, code, hint] of cases) {
        await using stage = new LaneStage();
        await assert.rejects(
          deliver(stage, [[insertRow(orders, '1', '1.00', 'a', 's')]], { 'public.orders': target }),
          { code, hint },
        );
      }
      for (const target of [{ columns: {} }, { columns: { id: 'id' }, key: ['other'] }]) {
        const options = { url: database.url, tables: { 'public.orders': target } };
        assert.throws(() => postgresSink(options), { code: 'HW-SINK-012' });
      }
    });

    test('merges tables into one, and refuses a TRUNCATE that would empty it for all', async () => {
      await using stage = new LaneStage();
      const other = testTable('orders_us', columns);
      const us: TableTarget = { ...map, columns: { ...map.columns, origin: { value: 'shop-us' } } };
      const tables = { 'public.orders': map, 'public.orders_us': us };
      await deliver(
        stage,
        [
          [insertRow(orders, '1', '1.00', 'eu', 's'), insertRow(other, '1', '2.00', 'us', 's')],
          [deleteRow(orders, '1')],
        ],
        tables,
      );
      assert.deepEqual(
        (await rows('facts.sales')).map(({ origin, remark }) => [origin, remark]),
        [['shop-us', 'us']],
      );
      await assert.rejects(deliver(stage, [[truncateTables(orders)]], tables), { code: 'HW-SINK-029' });
      assert.equal((await rows('facts.sales')).length, 1);
    });

    test('empties the target for a TRUNCATE when no other table is written to it', async () => {
      await using stage = new LaneStage();
      await deliver(stage, [[insertRow(orders, '1', '1.00', 'a', 's')], [truncateTables(orders)]], {
        'public.orders': map,
      });
      assert.deepEqual(await rows('facts.sales'), []);
    });
  });
}
