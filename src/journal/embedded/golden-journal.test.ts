import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { readAll, readTexts } from '../testing/journal-writes.ts';
import { MemoryState } from './testing/memory-state-store.ts';
import { openEmbeddedEngine } from './testing/embedded-engine.ts';
import { writeSampleJournal } from './testing/sample-journal.ts';
import { verifyJournal } from './verify-journal.ts';

/*
 * Files of format 1, kept for ever. A change here that needs a change there is a new format. They were written once, with
 * HEADWATER_WRITE_GOLDEN=1.
 */
const golden = fileURLToPath(new URL('../../../test/golden/journal-1/', import.meta.url));

describe('journal format 1', () => {
  it('is written byte for byte as it was the first time', async () => {
    const sample = await writeSampleJournal();
    const written = sample.disk.paths.filter((path) => /segment$|spool$/.test(path));
    if (process.env['HEADWATER_WRITE_GOLDEN'] === '1') await keep(sample.disk, written);
    assert.deepEqual(
      written.map(relative),
      (await readGolden()).map(([name]) => name),
    );
    for (const path of written) {
      assert.ok(
        sample.disk.content(path).equals(await readFile(join(golden, relative(path)))),
        `${relative(path)} has changed`,
      );
    }
  });

  it('is read as it was meant', async () => {
    const sample = await writeSampleJournal();
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    for (const [name, content] of await readGolden()) disk.plant(join('/journal', name), content);
    const { problem, transactionCount, journalId } = await verifyJournal('/journal', { disk });
    assert.equal(problem, undefined);
    assert.equal(transactionCount, sample.texts.length);
    const state = new MemoryState();
    const opened = state.open();
    assert.ok(opened !== 'locked');
    opened.write('journal', 'id', journalId ?? '');
    opened.close();
    const engine = await openEmbeddedEngine({
      directory: '/journal',
      disk,
      openState: () => state.open(),
      afterKill: () => Promise.reject(new Error('not killed')),
    });
    assert.deepEqual(await readTexts(engine.reader), sample.texts);
    assert.deepEqual(engine.recorder.state.preparedGids, ['undecided']);
    const schemas = (await readAll(engine.reader)).met.flatMap((entry) => ('schema' in entry ? [entry.schema] : []));
    assert.deepEqual(schemas, ['16400:orders', '16401:customers']);
    await engine.close();
  });
});

function relative(path: string): string {
  return join(basename(dirname(path)), basename(path));
}

async function readGolden(): Promise<readonly (readonly [string, Buffer])[]> {
  const names: string[] = [];
  for (const folder of ['segments', 'spool']) {
    for (const name of await readdir(join(golden, folder))) names.push(join(folder, name));
  }
  return await Promise.all(names.toSorted().map(async (name) => [name, await readFile(join(golden, name))] as const));
}

async function keep(disk: MeanDisk, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(golden, dirname(relative(path))), { recursive: true });
    await writeFile(join(golden, relative(path)), disk.content(path));
  }
}
