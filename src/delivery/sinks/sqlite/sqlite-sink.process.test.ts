import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { type SinkHarness, type StoredRecord, suiteTransactions, testSink } from '../../sink.suite.ts';
import { killChild } from '../../testing/kill-child.ts';
import { LaneStage } from '../../testing/lane-stage.ts';
import { logRecord } from '../postgres/testing/log-child.ts';
import { sqliteSink } from './sqlite-sink.ts';
import { heldText, type SqliteChildOptions } from './testing/sqlite-child.ts';
import { TestFile } from './testing/test-file.ts';

const childModule = fileURLToPath(new URL('./testing/sqlite-child.ts', import.meta.url));

async function killAt(options: SqliteChildOptions): Promise<void> {
  await killChild(childModule, JSON.stringify(options), (printed) => printed(heldText));
}

function storedIn(file: TestFile, path = file.path): readonly StoredRecord[] {
  return file
    .rows('select key, number from log order by rowid', path)
    .map(([key, number]) => ({ key: String(key), number: Number(number) }));
}

testSink({
  name: 'sqlite',
  skip: false,
  effects: 'once',
  tests: ['order', 'stop', 'kill', 'oversized', 'missing-place'],
  async open(): Promise<SinkHarness> {
    const file = await TestFile.create();
    const missing = join(file.directory, 'missing', 'mirror.db');
    let readPath = file.path;
    let kills = 0;
    return {
      sink: sqliteSink({ file: file.path }),
      record: logRecord,
      stored: () => Promise.resolve(storedIn(file, readPath)),
      async deliverUntilKilled() {
        kills += 1;
        // The first commit takes the lane over. First with rows that are not committed; then with a commit that nobody was told of.
        await killAt({ file: file.path, when: kills === 1 ? 'before' : 'after', count: 3 });
      },
      withMissingPlace: {
        sink: sqliteSink({ file: missing }),
        code: 'HW-SINK-006',
        async create() {
          await mkdir(dirname(missing));
          readPath = missing;
        },
      },
      oversized: { size: 65 * 1024 * 1024, code: 'HW-SINK-005' },
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  },
});

describe('the SQLite sink', () => {
  test('holds every row once when its process is killed again and again, on both sides of its commits', async () => {
    await using file = await TestFile.create();
    for (const count of [1, 2, 3])
      for (const when of ['before', 'after'] as const) {
        await killAt({ file: file.path, when, count });
        // In front of the very first commit there is no table at all.
        const [made] = file.rows(`select count(*) from sqlite_schema where name = 'log'`).flat();
        const [moved] =
          made === 0n ? [0n] : file.rows('select checkpoint is not null from headwater_checkpoint').flat();
        const rowCount = made === 0n ? 0 : storedIn(file).length;
        assert.equal(rowCount > 0, moved === 1n, `rows and checkpoint came together, ${when} commit ${count}`);
      }
    await using stage = new LaneStage();
    for (const records of suiteTransactions()) stage.journal.append(records.map((record) => logRecord(record)));
    const lane = stage.lane({ sink: sqliteSink({ file: file.path }) });
    await lane.start();
    await lane.drain();
    await lane.stop();
    assert.deepEqual(storedIn(file), suiteTransactions().flat());
  });

  test('an older writer of a lane is refused by name and writes nothing', async () => {
    await using file = await TestFile.create();
    await using stage = new LaneStage();
    const older = stage.lane({ sink: sqliteSink({ file: file.path }) });
    await older.start();
    stage.journal.append([logRecord({ key: 'a', number: 0 })]);
    await older.drain();
    await using newer = await sqliteSink({ file: file.path }).open(stage.sinkContext());
    stage.journal.append([logRecord({ key: 'a', number: 1 })]);
    await assert.rejects(older.drain());
    assert.equal(older.status().lastFailure?.error.code, 'HW-SINK-008');
    assert.deepEqual(storedIn(file), [{ key: 'a', number: 0 }]);
    assert.equal((await newer.readCheckpoint(new AbortController().signal))?.sequence, 1n);
  });

  test('waits for others that write into the same file', async () => {
    await using file = await TestFile.create();
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: sqliteSink({ file: file.path }) });
    await lane.start();
    const other = new DatabaseSync(file.path);
    other.exec('begin immediate');
    stage.journal.append([logRecord({ key: 'a', number: 0 })]);
    await waitUntil('the lane meets the lock', () => lane.status().lastFailure?.error.code === 'HW-SINK-009');
    other.exec('rollback');
    other.close();
    await lane.drain();
    assert.deepEqual(storedIn(file), [{ key: 'a', number: 0 }]);
  });

  test('refuses by name a file that is no database, a newer one, and one that lost its checkpoint', async () => {
    await using file = await TestFile.create();
    await using stage = new LaneStage();
    await writeFile(file.path, 'no database '.repeat(1000));
    await assert.rejects(sqliteSink({ file: file.path }).open(stage.sinkContext()), { code: 'HW-SQLITE-002' });

    const other = join(file.directory, 'other.db');
    const lane = stage.lane({ sink: sqliteSink({ file: other }) });
    stage.journal.append([logRecord({ key: 'a', number: 0 })]);
    await lane.start();
    await lane.drain();
    await lane.stop();
    file.with((database) => database.exec('insert into headwater_version values (2)'), other);
    await assert.rejects(sqliteSink({ file: other }).open(stage.sinkContext()), { code: 'HW-SINK-010' });
    file.with((database) => database.exec('delete from headwater_version; delete from headwater_checkpoint'), other);
    const again = stage.lane({ sink: sqliteSink({ file: other }) });
    await assert.rejects(again.start(), { code: 'HW-LANE-008' });
  });
});
