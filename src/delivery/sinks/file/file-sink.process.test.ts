import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { nodeDisk } from '../../../foundation/node-disk.ts';
import { parseSuiteRecord, suiteRecord } from '../kafka/testing/kafka-child.ts';
import { type SinkHarness, type StoredRecord, suiteTransactions, testSink } from '../../sink.suite.ts';
import { killChild } from '../../testing/kill-child.ts';
import { LaneStage } from '../../testing/lane-stage.ts';
import type { FileSinkOptions } from './file-options.ts';
import { fileSink } from './file-sink.ts';
import { type FileChildOptions, heldText, type HoldPoint } from './testing/file-child.ts';
import { readLines } from './testing/read-lines.ts';

const childModule = fileURLToPath(new URL('./testing/file-child.ts', import.meta.url));

async function makeDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'headwater-file-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function readRecords(directory: string, which: RegExp): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const names = (await readdir(directory)).filter((name) => which.test(name)).toSorted();
  const files = await Promise.all(names.map(async (name) => readLines(name, await readFile(join(directory, name)))));
  return files.flat();
}

const anyFile = /\.ndjson(?:\.gz)?(?:\.open)?$/;
const finishedFile = /\.ndjson(?:\.gz)?$/;

async function storedIn(directory: string): Promise<readonly StoredRecord[]> {
  const lines = await readRecords(directory, anyFile);
  return lines.map(({ payload }) => parseSuiteRecord(JSON.stringify(payload)));
}

async function killAt(options: FileSinkOptions, hold: HoldPoint): Promise<void> {
  const argument: FileChildOptions = { options, hold };
  await killChild(childModule, JSON.stringify(argument), (printed) => printed(heldText));
}

for (const compression of ['none', 'gzip'] as const) {
  testSink({
    name: compression === 'none' ? 'file' : 'file, compressed',
    skip: false,
    effects: 'once',
    tests: ['order', 'stop', 'kill', 'oversized', 'missing-place'],
    async open(): Promise<SinkHarness> {
      const directory = await makeDirectory();
      const options: FileSinkOptions = { directory: directory.path, rollBytes: 4_000, compression };
      const missing = join(directory.path, 'missing');
      let readDirectory = directory.path;
      let kills = 0;
      return {
        sink: fileSink(options),
        record: suiteRecord,
        stored: () => storedIn(readDirectory),
        async deliverUntilKilled() {
          kills += 1;
          // First with lines of which the position is torn off; then with a batch that is durable and nobody told.
          await killAt(options, { kind: 'write', when: kills === 1 ? 'during' : 'after', count: 3 });
        },
        withMissingPlace: {
          sink: fileSink({ ...options, directory: missing }),
          code: 'HW-FILE-002',
          async create() {
            await mkdir(missing);
            readDirectory = missing;
          },
        },
        oversized: { size: 65 * 1024 * 1024, code: 'HW-SINK-005' },
        [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
      };
    },
  });
}

describe('the file sink', () => {
  const holds: readonly HoldPoint[] = (['write', 'flush', 'rename', 'flush-directory'] as const).flatMap((kind) =>
    (['before', 'during', 'after'] as const)
      .filter((when) => when !== 'during' || kind === 'write')
      .flatMap((when) => [2, 5].map((count) => ({ kind, when, count }))),
  );

  test('holds every line once when its process is killed again and again, each time at another step', async () => {
    await using directory = await makeDirectory();
    const options: FileSinkOptions = { directory: directory.path, rollBytes: 1_500 };
    for (const hold of holds) {
      // A process that delivers everything waits for more and is never held, so each begins anew.
      await rm(directory.path, { recursive: true });
      await mkdir(directory.path);
      await killAt(options, hold);
      await using stage = new LaneStage();
      for (const records of suiteTransactions()) stage.journal.append(records.map((record) => suiteRecord(record)));
      const lane = stage.lane({ sink: fileSink(options) });
      await lane.start();
      await lane.drain();
      await lane.stop();
      assert.deepEqual(await storedIn(directory.path), suiteTransactions().flat(), JSON.stringify(hold));
    }
  });

  test('finishes a file by its age although nothing comes any more, and not before', async () => {
    await using directory = await makeDirectory();
    await using stage = new LaneStage();
    const begun = Date.now();
    const lane = stage.lane({ sink: fileSink({ directory: directory.path, name: 'orders', rollAgeMs: 300 }) });
    await lane.start();
    stage.journal.append([suiteRecord({ key: 'a', number: 0 })]);
    await lane.drain();
    const finished = async (): Promise<boolean> =>
      (await readdir(directory.path)).includes('orders-000000000001.ndjson');
    if (Date.now() - begun < 300) assert.equal(await finished(), false);
    await waitUntil('the file is finished', finished, 10_000);
    assert.equal((await readRecords(directory.path, finishedFile)).length, 1);
    stage.journal.append([suiteRecord({ key: 'a', number: 1 })]);
    await lane.drain();
    await waitUntil(
      'the next file is finished',
      async () => (await readRecords(directory.path, finishedFile)).length === 2,
    );
    await lane.stop();
    assert.deepEqual(await storedIn(directory.path), [
      { key: 'a', number: 0 },
      { key: 'a', number: 1 },
    ]);
  });

  test('finishes files by size at the end of a transaction', async () => {
    await using directory = await makeDirectory();
    await using stage = new LaneStage();
    const lane = stage.lane({
      sink: fileSink({ directory: directory.path, rollBytes: 6_000 }),
      batch: { recordCountMax: 4 },
    });
    for (const records of suiteTransactions()) stage.journal.append(records.map((record) => suiteRecord(record)));
    await lane.start();
    await lane.drain();
    await lane.stop();
    const names = (await readdir(directory.path)).filter((name) => finishedFile.test(name)).toSorted();
    assert.ok(names.length > 5, `${names.length} files`);
    const sequences = await Promise.all(
      names.map(async (name) =>
        readLines(name, await readFile(join(directory.path, name))).map(({ sequence }) => sequence),
      ),
    );
    for (const [index, found] of sequences.entries())
      assert.ok(!sequences[index + 1]?.includes(found.at(-1)), `${names[index]} ends with a whole transaction`);
  });

  test('refuses a directory that another process writes, and takes it over when that one is killed', async () => {
    await using directory = await makeDirectory();
    const options: FileSinkOptions = { directory: directory.path };
    const argument: FileChildOptions = { options, hold: { kind: 'write', when: 'before', count: 3 } };
    await killChild(childModule, JSON.stringify(argument), async (printed) => {
      await printed(heldText);
      await using stage = new LaneStage();
      await assert.rejects(fileSink(options).open(stage.sinkContext()), { code: 'HW-FILE-006' });
    });
    await using stage = new LaneStage();
    await using sink = await fileSink(options).open(stage.sinkContext());
    assert.ok(sink.capabilities.checkpointIn === 'sink');
  });

  test(
    'names a directory that it may not write',
    { skip: process.getuid?.() === 0 ? 'root may write everywhere' : false },
    async () => {
      await using directory = await makeDirectory();
      const locked = join(directory.path, 'locked');
      await mkdir(locked, { mode: 0o500 });
      await using stage = new LaneStage();
      await assert.rejects(fileSink({ directory: locked }).open(stage.sinkContext()), { code: 'HW-FILE-003' });
    },
  );

  test('keeps a compression that was changed for the file that is open', async () => {
    await using directory = await makeDirectory();
    for (const [number, compression] of (['none', 'gzip', 'none'] as const).entries()) {
      await using stage = new LaneStage();
      for (let index = 0; index <= number; index += 1) stage.journal.append([suiteRecord({ key: 'a', number: index })]);
      const lane = stage.lane({ sink: fileSink({ directory: directory.path, compression, rollBytes: 1 }) });
      await lane.start();
      await lane.drain();
      await lane.stop();
    }
    const names = (await readdir(directory.path)).filter((name) => finishedFile.test(name)).toSorted();
    assert.deepEqual(names, ['lane-000000000001.ndjson', 'lane-000000000002.ndjson', 'lane-000000000003.ndjson.gz']);
    assert.deepEqual(
      (await storedIn(directory.path)).map(({ number }) => number),
      [0, 1, 2],
    );
    assert.equal((await nodeDisk.list(directory.path)).filter((name) => name.endsWith('.open')).length, 1);
  });
});
