import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { TableSchema } from '../../../model/table-schema.ts';
import type { LaneOptions, RecordFilter } from '../../lane-options.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { insertRow, oids, testTable } from '../../testing/test-table.ts';
import { sqliteSink } from './sqlite-sink.ts';
import { TestFile } from './testing/test-file.ts';

const orders: TableSchema = testTable('orders', [{ name: 'id', typeOid: oids.int8, isKey: true }]);
const customers: TableSchema = testTable('customers', [{ name: 'id', typeOid: oids.int8, isKey: true }]);

const allTables: RecordFilter = () => true;
const ordersOnly: RecordFilter = (record) => 'table' in record && record.table.tableName === 'orders';

/** A lane that has delivered one row of each table, and everything after it by other lanes of the same journal. */
class Case implements AsyncDisposable {
  readonly stage = new LaneStage();
  readonly #file: TestFile;
  #nextId = 1n;

  private constructor(file: TestFile) {
    this.#file = file;
  }

  static async open(): Promise<Case> {
    const opened = new Case(await TestFile.create());
    await opened.deliver('lane', { filter: allTables });
    return opened;
  }

  /** Commits a row of each table, and delivers to the end. @throws what refuses the lane */
  async deliver(name: string, options: Partial<LaneOptions>, path: string = this.#file.path): Promise<void> {
    const id = String(this.#nextId++);
    this.stage.journal.append([insertRow(orders, id), insertRow(customers, id)]);
    const lane = this.stage.lane({ sink: sqliteSink({ file: path }), ...options }, name);
    await lane.start();
    await lane.drain();
    await lane.stop();
  }

  ids(table: string, path?: string): readonly unknown[] {
    return this.#file.rows(`select id from ${table} order by id`, path).map(([id]) => id);
  }

  /** The lanes by which the file knows its position. */
  get checkpoints(): readonly unknown[] {
    return this.#file.rows('select lane from headwater_checkpoint order by lane').map(([lane]) => lane);
  }

  get otherPath(): string {
    return `${this.#file.path}-other`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
    await this.#file[Symbol.asyncDispose]();
  }
}

describe('a lane of SQLite that is renamed', () => {
  test('is refused, and changes nothing, until one of the choices is made', async () => {
    await using given = await Case.open();
    await assert.rejects(given.deliver('orders', { filter: allTables }), {
      code: 'HW-LANE-004',
      hint: /the old name again; `renamedFrom: 'lane'` .* `replaces: 'lane'`/,
    });
    assert.deepEqual(given.ids('orders'), [1n]);
    await given.deliver('lane', { filter: allTables });
    assert.deepEqual(given.ids('orders'), [1n, 2n, 3n]);
  });

  test('goes on where it stood with `renamedFrom`, and without it ever after', async () => {
    await using given = await Case.open();
    await given.deliver('orders', { filter: allTables, renamedFrom: 'lane' });
    await given.deliver('orders', { filter: allTables });
    assert.deepEqual(given.ids('orders'), [1n, 2n, 3n]);
    assert.deepEqual(given.checkpoints, ['lane'], 'the file knows it by its first name');
    await assert.rejects(given.deliver('lane', { filter: allTables }), { code: 'HW-LANE-018' });
    await given.deliver('lane', { filter: allTables, renamedFrom: 'orders' });
    assert.deepEqual(given.ids('orders'), [1n, 2n, 3n, 4n, 5n], 'and back');
  });

  test('begins anew with `replaces`, here into another file', async () => {
    await using given = await Case.open();
    await given.deliver('orders', { filter: allTables, replaces: 'lane' }, given.otherPath);
    assert.deepEqual(given.ids('orders', given.otherPath), [1n, 2n]);
    assert.deepEqual(given.ids('orders'), [1n]);
  });
});

describe('a lane of SQLite whose filter is changed', () => {
  test('is refused, and changes nothing, until one of the choices is made', async () => {
    await using given = await Case.open();
    await assert.rejects(given.deliver('lane', { filter: ordersOnly }), {
      code: 'HW-LANE-019',
      hint: /the functions of then; `revision: 2, continuesRevision: 1` .* `replaces: 'lane'`/,
    });
    await assert.rejects(given.deliver('lane', { filter: ordersOnly, revision: 2 }), {
      code: 'HW-LANE-006',
      hint: /`continuesRevision: 1`/,
    });
    await assert.rejects(given.deliver('lane', {}), { code: 'HW-LANE-019' }, 'no filter at all is a change too');
    assert.deepEqual(given.ids('customers'), [1n]);
    await given.deliver('lane', { filter: allTables });
    assert.deepEqual(given.ids('customers'), [1n, 2n, 3n, 4n, 5n], 'with the old one nothing is missing');
  });

  test('goes on from its checkpoint with the revision that it continues named, and so once', async () => {
    await using given = await Case.open();
    await given.deliver('lane', { filter: ordersOnly, revision: 2, continuesRevision: 1 });
    await given.deliver('lane', { filter: ordersOnly, revision: 2 });
    assert.deepEqual([given.ids('orders'), given.ids('customers')], [[1n, 2n, 3n], [1n]]);
    const third = { filter: allTables, revision: 3, continuesRevision: 1 };
    await assert.rejects(given.deliver('lane', third), { code: 'HW-LANE-006' });
  });

  test('goes on where the text of functions is declared to mean nothing', async () => {
    await using given = await Case.open();
    await given.deliver('lane', { filter: (record) => allTables(record, {} as never), onChangedFunctions: 'go-on' });
    assert.deepEqual(given.ids('customers'), [1n, 2n]);
  });

  test('begins anew under another name with `replaces`', async () => {
    await using given = await Case.open();
    await given.deliver('lean', { filter: ordersOnly, replaces: 'lane' }, given.otherPath);
    assert.deepEqual(given.ids('orders', given.otherPath), [1n, 2n]);
    assert.throws(() => given.ids('customers', given.otherPath), /no such table/);
  });
});
