import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSeededRandom } from '../../../foundation/random.ts';
import { unchanged } from '../../../model/row.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { LaneStage } from '../../testing/lane-stage.ts';
import { testEvent, type UnplacedRecord } from '../../testing/memory-journal.ts';
import { deleteRow, insertRow, oids, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import type { SqliteSinkOptions } from './sqlite-options.ts';
import { sqliteSink } from './sqlite-sink.ts';
import { TestFile } from './testing/test-file.ts';

const orders: TableSchema = testTable('orders', [
  { name: 'id', typeOid: oids.int8, isKey: true },
  { name: 'total', typeOid: oids.numeric },
  { name: 'note' },
]);

type Options = SqliteSinkOptions extends infer Each ? Omit<Each, 'file'> : never;

/** Delivers transactions to the end. */
async function mirror(
  { path }: TestFile,
  transactions: readonly (readonly UnplacedRecord[])[],
  options: Options = {},
  stage: LaneStage = new LaneStage(),
): Promise<void> {
  for (const transaction of transactions) stage.journal.append(transaction);
  const lane = stage.lane({ sink: sqliteSink({ file: path, ...options } as SqliteSinkOptions) });
  await lane.start();
  try {
    await lane.drain();
  } catch (error) {
    throw lane.status().lastFailure?.error ?? error;
  } finally {
    await lane.stop();
  }
}

const row = (id: string, total: string | null, note: string | null): UnplacedRecord =>
  insertRow(orders, id, total, note);

describe('the mirror into SQLite', () => {
  test('makes the target from the description of the table and keeps every value', async () => {
    await using file = await TestFile.create();
    const types = testTable('types', [
      { name: 'id', typeOid: oids.int8, isKey: true },
      { name: 'Amount', typeOid: oids.numeric },
      { name: 'at', typeOid: oids.timestamptz },
      { name: 'bytes', typeOid: oids.bytea },
      { name: 'is_on', typeOid: oids.bool },
      { name: 'ratio', typeOid: 701 },
      { name: 'name', typeOid: oids.text },
    ]);
    const values = ['-9223372036854775808', '123456789012345678901234567890.10', '2026-11-21 07:15:24.123456+00'];
    await mirror(file, [
      [insertRow(types, ...values, '\\xdeadbeef', 't', 'NaN', 'Ünï😀"\'')],
      [insertRow(types, '9223372036854775807', 'NaN', 'infinity', '\\x', 'f', '1e-300', '')],
      [insertRow(types, '9007199254740993', null, null, null, null, null, null)],
    ]);
    const declared = file.rows("select name || ' ' || type from pragma_table_info('types')").flat();
    assert.equal(
      declared.join(', '),
      'id INTEGER, Amount TEXT, at TEXT, bytes BLOB, is_on INTEGER, ratio TEXT, name TEXT',
    );
    assert.deepEqual(file.rows('select * from types order by id'), [
      [
        -9_223_372_036_854_775_808n,
        values[1],
        values[2],
        new Uint8Array([0xde, 0xad, 0xbe, 0xef]),
        1n,
        'NaN',
        'Ünï😀"\'',
      ],
      [9_007_199_254_740_993n, null, null, null, null, null, null],
      [9_223_372_036_854_775_807n, 'NaN', 'infinity', new Uint8Array(), 0n, '1e-300', ''],
    ]);
    assert.deepEqual(file.rows("select strict from pragma_table_list('types')"), [[1n]]);
  });

  test('leaves the target as the source is after inserts, updates, key changes, reads, deletes and truncates', async () => {
    await using file = await TestFile.create();
    await mirror(file, [
      [row('1', '1.00', 'a'), row('2', '2.00', 'b'), row('3', '3.00', 'c')],
      [updateRow(orders, ['1', '1.50', 'a2']), deleteRow(orders, '2'), row('2', '9.00', 'again')],
      [updateRow(orders, ['4', '3.00', 'c'], ['3', null, null])],
      [deleteRow(orders, '1'), row('5', null, null), { kind: 'read', table: orders, after: ['2', '9.50', 'read'] }],
    ]);
    assert.deepEqual(file.rows('select * from orders order by id'), [
      [2n, '9.50', 'read'],
      [4n, '3.00', 'c'],
      [5n, null, null],
    ]);
    const stage = new LaneStage();
    await using other = await TestFile.create();
    await mirror(other, [[row('1', null, 'old'), truncateTables(orders), row('2', null, 'new')]], {}, stage);
    assert.deepEqual(other.rows('select id, note from orders'), [[2n, 'new']]);
  });

  test('leaves the target as the source is after any changes, with a trigger that watches them or without', async () => {
    const seed = Date.now() % 1_000_000;
    for (const isWatched of [false, true]) {
      await using file = await TestFile.create();
      file.execute('create table orders (id integer primary key, total text, note text) strict; create table seen (n)');
      if (isWatched)
        file.execute('create trigger watch after insert on orders begin insert into seen values (new.id); end');
      const random = createSeededRandom(seed);
      const source = new Map<string, readonly (string | null)[]>();
      const transactions = Array.from({ length: 60 }, () =>
        Array.from({ length: 1 + Math.floor(random.next() * 6) }, () => randomChange(source, () => random.next())),
      );
      await mirror(file, transactions);
      const expected = [...source].map(([id, [total, note]]) => [BigInt(id), total, note]);
      assert.deepEqual(
        file.rows('select * from orders order by id'),
        expected.toSorted((left, right) => Number(left[0]) - Number(right[0])),
        `seed ${seed}`,
      );
      assert.equal(file.rows('select n from seen').length > 0, isWatched);
    }
  });

  test('keeps a value that an UPDATE did not carry, and refuses to guess it when the row is missing', async () => {
    await using file = await TestFile.create();
    const stage = new LaneStage();
    await mirror(file, [[row('1', '1', 'long')], [updateRow(orders, ['1', '2', unchanged])]], {}, stage);
    await mirror(file, [[updateRow(orders, ['7', '3', unchanged], ['1', null, null])]], {}, stage);
    assert.deepEqual(file.rows('select * from orders'), [[7n, '3', 'long']]);
    const missing = mirror(file, [[row('8', '1', 'x')], [updateRow(orders, ['9', '2', unchanged])]], {}, stage);
    await assert.rejects(missing, { code: 'HW-SINK-024' });
    assert.deepEqual(file.rows('select id from orders order by id').flat(), [7n, 8n]);
  });

  test('appends rows of a table without a key, and refuses to change one', async () => {
    await using file = await TestFile.create();
    const log = testTable('log', [{ name: 'text' }], 'full');
    await mirror(file, [[insertRow(log, 'a'), insertRow(log, 'a')]]);
    assert.deepEqual(file.rows('select * from log'), [['a'], ['a']]);
    await using other = await TestFile.create();
    await assert.rejects(mirror(other, [[insertRow(log, 'a')], [deleteRow(log, 'a')]]), { code: 'HW-SINK-021' });
    assert.deepEqual(other.rows('select * from log'), [['a']]);
  });

  test('shows no part of a large transaction before its commit', async () => {
    await using file = await TestFile.create();
    await using stage = new LaneStage();
    const sink = sqliteSink({ file: file.path });
    const lane = stage.lane({ sink, batch: { recordCountMax: 10 } });
    await lane.start();
    stage.journal.append([row('0', null, null)]);
    await lane.drain();
    const seen = new Set<number>();
    stage.journal.append(Array.from({ length: 500 }, (_, index) => row(String(index + 1), null, null)));
    const drained = lane.drain().then(() => true);
    while (!(await Promise.race([drained, stage.clock.sleep(0).then(() => false)])))
      seen.add(file.rows('select 1 from orders').length);
    seen.add(file.rows('select 1 from orders').length);
    assert.deepEqual(
      [...seen].filter((count) => count !== 1 && count !== 501),
      [],
    );
    await lane.stop();
  });

  test('holds foreign keys between mirrored tables at each commit, and undoes a transaction that breaks one', async () => {
    await using file = await TestFile.create();
    const lines = testTable('lines', [
      { name: 'id', typeOid: oids.int4, isKey: true },
      { name: 'order_id', typeOid: oids.int8 },
    ]);
    file.execute(`create table orders (id integer primary key, total text, note text) strict;
create table lines (id integer primary key, order_id integer references orders (id)) strict`);
    const stage = new LaneStage();
    await mirror(file, [[insertRow(lines, '1', '5'), row('5', null, null)]], {}, stage);
    await assert.rejects(mirror(file, [[row('6', null, null), insertRow(lines, '2', '7')]], {}, stage), {
      code: 'HW-SINK-007',
    });
    assert.deepEqual(file.rows('select id from orders').flat(), [5n]);
    assert.deepEqual(file.rows('select id from lines').flat(), [1n]);
  });

  test('adds a new column to a table made here, and stops with the SQL where one is gone or the table is not its own', async () => {
    await using file = await TestFile.create();
    const stage = new LaneStage();
    const wider = testTable('orders', [
      { name: 'id', typeOid: oids.int8, isKey: true },
      { name: 'total', typeOid: oids.numeric },
      { name: 'note' },
      { name: 'More', typeOid: oids.int4 },
    ]);
    await mirror(file, [[row('1', '1', 'a')], [insertRow(wider, '2', '2', 'b', '7')]], {}, stage);
    assert.deepEqual(file.rows('select * from orders'), [
      [1n, '1', 'a', null],
      [2n, '2', 'b', 7n],
    ]);
    const gone = mirror(file, [[row('3', '1', 'a')]], {}, stage);
    await assert.rejects(gone, (error: { code?: string; hint?: string }) => {
      assert.equal(error.code, 'HW-SINK-023');
      file.execute(String(error.hint).replace('Run in the database: ', ''));
      return true;
    });
    await mirror(file, [], {}, stage);
    assert.deepEqual(file.rows('select id from orders order by id').flat(), [1n, 2n, 3n]);

    await using other = await TestFile.create();
    other.execute('create table orders (id integer primary key, total text) strict');
    const otherStage = new LaneStage();
    await assert.rejects(
      mirror(other, [[row('1', '1', 'a')]], {}, otherStage),
      (error: { code?: string; hint?: string }) => {
        assert.equal(error.code, 'HW-SINK-020');
        other.execute(String(error.hint).replace('Run in the database: ', ''));
        return true;
      },
    );
    await mirror(other, [], {}, otherStage);
    assert.deepEqual(other.rows('select * from orders'), [[1n, '1', 'a']]);
  });

  test('refuses by name what does not fit', async () => {
    const rows: readonly [string, string, Options][] = [
      ['HW-SINK-020', 'create table orders (id integer primary key, total real, note text)', {}],
      ['HW-SINK-020', 'create table orders (id integer primary key, total text, note text, must text not null)', {}],
      ['HW-SINK-020', "create table orders (id integer primary key, total text, note text as ('x'))", {}],
      ['HW-SINK-022', 'create table orders (id integer, total text, note text)', {}],
      [
        'HW-SINK-022',
        'create table orders (id text, total text, note text); create unique index k on orders (id) where id > 0',
        {},
      ],
      ['HW-SINK-022', 'create table orders (id text collate nocase primary key, total text, note text)', {}],
      ['HW-SINK-006', 'create view orders as select 1 as id', {}],
      ['HW-SINK-006', 'select 1', { create: 'never' }],
      ['HW-SINK-012', 'select 1', { tables: { 'public.orders': 'sqlite_orders' } }],
      ['HW-SINK-012', 'select 1', { tables: { 'public.orders': { key: ['nothing'] } } }],
    ];
    for (const [code, made, options] of rows) {
      await using file = await TestFile.create();
      file.execute(made);
      await assert.rejects(mirror(file, [[row('1', '1', 'a')]], options), { code }, made);
      assert.deepEqual(file.rows('select checkpoint from headwater_checkpoint'), [[null]], 'nothing of it stays');
    }
  });

  test('refuses two source tables that would go into one, and names tables of other schemas', async () => {
    await using file = await TestFile.create();
    const sales = { ...orders, schemaName: 'sales', relationId: 1 };
    const clash = { ...orders, tableName: 'SALES_ORDERS', relationId: 2 };
    const stage = new LaneStage();
    await mirror(file, [[insertRow(sales, '1', null, null)]], {}, stage);
    assert.deepEqual(file.rows('select id from sales_orders').flat(), [1n]);
    await assert.rejects(mirror(file, [[insertRow(clash, '1', null, null)]], {}, stage), { code: 'HW-SQLITE-004' });
    const tables = { 'public.SALES_ORDERS': 'clash' };
    await mirror(file, [], { tables }, stage);
    assert.deepEqual(file.rows('select id from clash').flat(), [1n]);
  });

  test("runs the user's statements with the checkpoint, events among them, and refuses what would part the two", async () => {
    await using file = await TestFile.create();
    const stage = new LaneStage();
    file.execute('create table sale (id text primary key) strict');
    const insert = { text: 'insert into sale values (?)' };
    const statements: Options['statements'] = (record) =>
      record.kind === 'event' ? [{ ...insert, values: [record.event.id] }] : [];
    await mirror(file, [[testEvent('a', 'e-1'), row('1', null, null)], [testEvent('a', 'e-2')]], { statements }, stage);
    assert.deepEqual(file.rows('select id from sale').flat(), ['e-1', 'e-2']);
    for (const text of ['commit', ' ROLLBACK', '/* */ commit', 'savepoint a', `${insert.text}; ${insert.text}`]) {
      await assert.rejects(
        mirror(file, [[testEvent('a', 'e-3')]], { statements: () => [{ text }] }, stage),
        { code: 'HW-SINK-026' },
        text,
      );
      assert.deepEqual(file.rows('select id from sale').flat(), ['e-1', 'e-2'], text);
    }
    const wrong = mirror(file, [], { statements: () => [{ ...insert, values: [{}] }] }, stage);
    await assert.rejects(wrong, { code: 'HW-SINK-007' });
  });
});

/** A change that the source could make, and makes here. */
function randomChange(source: Map<string, readonly (string | null)[]>, next: () => number): UnplacedRecord {
  const ids = [...source.keys()];
  const id = ids[Math.floor(next() * ids.length)];
  const text = String(Math.floor(next() * 1000));
  const free = String(Math.floor(next() * 1_000_000));
  const choice = next();
  if (id === undefined || choice < 0.35) {
    if (source.has(free)) return updateRow(orders, [free, ...(source.get(free) ?? [])]);
    source.set(free, [text, 'new']);
    return row(free, text, 'new');
  }
  if (choice < 0.5) {
    source.delete(id);
    return deleteRow(orders, id);
  }
  const note = source.get(id)?.[1] ?? null;
  if (choice < 0.7 && !source.has(free)) {
    source.delete(id);
    source.set(free, [text, note]);
    return updateRow(orders, [free, text, unchanged], [id, null, null]);
  }
  if (choice < 0.72) {
    source.clear();
    return truncateTables(orders);
  }
  source.set(id, [text, note]);
  return updateRow(orders, [id, text, choice < 0.85 ? unchanged : note]);
}
