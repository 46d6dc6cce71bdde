import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentSink } from '../../examples/own-sink/document-sink.ts';
import { toPublishedImports } from '../../scripts/packaging/published-imports.ts';
import type { Lane } from '../../src/delivery/lane.ts';
import { LaneStage } from '../../src/testing/lane-stage.ts';
import { testEvent } from '../../src/testing/memory-journal.ts';

const exampleFolder = new URL('../../examples/own-sink/', import.meta.url);

test('the page on sinks of your own shows the example that is run here', async () => {
  const page = await readFile(new URL('../../docs/how-to/own-sink.md', import.meta.url), 'utf8');
  const shown = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text);
  const files = ['document-sink.ts', 'document-sink.test.ts', 'document-sink.child.ts'];
  const expected = await Promise.all(
    files.map(async (name) => toPublishedImports(await readFile(new URL(name, exampleFolder), 'utf8'), 'headwater')),
  );
  assert.deepEqual(shown, expected);
});

test('the test of the example holds the contract, and shows what it skips and why', () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const path = fileURLToPath(new URL('document-sink.test.ts', exampleFolder));
  const { stdout, status } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', path], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
  const lines = [...stdout.matchAll(/^ +(not )?ok \d+ - (.*)$/gm)].map(([line]) =>
    line.trim().replace(/^ok \d+ - /, ''),
  );
  assert.deepEqual(
    lines.filter((line) => !line.includes('# SKIP')),
    [
      'writes every record once and keeps the order of each key',
      'goes on where it was after an orderly stop in mid-batch',
      'gives effects as stated when its process is killed between an effect and the checkpoint',
      'stops in front of a record that is too large, and skips nothing',
      'names a missing place, and delivers everything once it is there',
      'takes what was parked in the order of its key once that is mended, or refuses to park by name',
    ],
  );
  assert.deepEqual(
    lines.flatMap((line) => /# SKIP (.*)$/.exec(line)?.[1] ?? []),
    ['proxy', 'cutBeforeEffect', 'loseReply', 'restartServer', 'withWrongLogin'].map(
      (part) => `the harness has no ${part}`,
    ),
  );
});

describe('the example of a sink of your own', () => {
  test('goes on from the place of a directory that came back from a backup', async () => {
    await using place = await makeDirectory();
    await using stage = new LaneStage();
    const sink = documentSink({ directory: place.path });
    for (const number of [0, 1]) stage.journal.append([orderEvent('17', number)]);
    await deliver(stage.lane({ sink }));
    await using backup = await makeDirectory();
    await cp(place.path, backup.path, { recursive: true });
    for (const number of [2, 3]) stage.journal.append([orderEvent('17', number)]);
    await deliver(stage.lane({ sink }));
    await rm(place.path, { recursive: true });
    await cp(backup.path, place.path, { recursive: true });
    await deliver(stage.lane({ sink }));
    assert.deepEqual(await idsOf(place.path, '17'), ['17-0', '17-1', '17-2', '17-3']);
  });

  test('refuses the older of two writers by name, and leaves the documents to the newer', async () => {
    await using place = await makeDirectory();
    await using stage = new LaneStage();
    const sink = documentSink({ directory: place.path });
    const older = stage.lane({ sink });
    stage.journal.append([orderEvent('17', 0)]);
    await older.start();
    await older.drain();
    const newer = await sink.open(stage.sinkContext());
    const signal = new AbortController().signal;
    const from = await newer.readCheckpoint(signal);
    assert.ok(from !== undefined);
    await newer.write(
      { records: [], from, to: { ...from, sequence: stage.journal.append([]) }, endsTransaction: true },
      signal,
    );
    stage.journal.append([orderEvent('17', 1)]);
    await assert.rejects(older.drain(), { code: 'HW-LANE-012' });
    assert.equal(older.status().lastFailure?.error.code, 'HW-SINK-008');
    assert.deepEqual(await idsOf(place.path, '17'), ['17-0']);
  });

  test('parks an event that has no document, and keeps awkward keys apart', async () => {
    await using place = await makeDirectory();
    await using stage = new LaneStage();
    const keys = ['a/b', '..', 'ä', 'x'.repeat(300)];
    stage.journal.append([...keys.map((key) => orderEvent(key, 0)), orderEvent(null, 0)]);
    const lane = stage.lane({ sink: documentSink({ directory: place.path }), onPoisoned: 'park' });
    await lane.start();
    await lane.drain();
    assert.equal(lane.status().parkedRecordCount, 2);
    await lane.stop();
    const names = (await readdir(place.path)).filter((name) => name.endsWith('.json'));
    assert.deepEqual(names.toSorted(), ['%C3%A4.json', '...json', 'a%2Fb.json']);
  });
});

async function makeDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'headwater-documents-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function orderEvent(key: string | null, number: number): ReturnType<typeof testEvent> {
  return testEvent(key, `${key}-${number}`);
}

async function deliver(lane: Lane): Promise<void> {
  await lane.start();
  await lane.drain();
  await lane.stop();
}

async function idsOf(directory: string, key: string): Promise<string[]> {
  const document = JSON.parse(await readFile(join(directory, `${key}.json`), 'utf8')) as { events: { id: string }[] };
  return document.events.map(({ id }) => id);
}
