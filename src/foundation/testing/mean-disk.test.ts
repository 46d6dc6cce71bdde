import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createSeededRandom } from '../random.ts';
import { MeanDisk } from './mean-disk.ts';

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

/** What a file holds after a power cut, for many seeds. */
async function outcomes(prepare: (disk: MeanDisk) => Promise<void>): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const disk = new MeanDisk({ random: createSeededRandom(seed) });
    await prepare(disk);
    const after = disk.afterPowerCut();
    seen.add(after.paths.map((path) => `${path}=${after.content(path).toString()}`).join());
  }
  return seen;
}

describe('the mean disk', () => {
  it('keeps what was flushed with its name, and everything after a kill', async () => {
    const write = async (disk: MeanDisk): Promise<void> => {
      const file = await disk.create('/d/a');
      await file.write([Buffer.from('kept')], 0);
      await file.flush();
      await disk.flushDirectory('/d');
    };
    assert.deepEqual([...(await outcomes(write))], ['/d/a=kept']);
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    await (await disk.create('/d/a')).write([Buffer.from('unflushed')], 0);
    assert.equal(disk.afterKill().content('/d/a').toString(), 'unflushed');
  });

  it('loses, keeps and tears what was not flushed, and names without their directory', async () => {
    const seen = await outcomes(async (disk) => {
      await (await disk.create('/d/a')).write([Buffer.from('xyz')], 0);
    });
    assert.ok(
      ['', '/d/a=', '/d/a=xyz', '/d/a=x'].every((outcome) => seen.has(outcome)),
      [...seen].join(' | '),
    );
  });

  it('loses an earlier page and keeps a later one', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.create('/d/a');
      await file.flush();
      await disk.flushDirectory('/d');
      await file.write([Buffer.alloc(512, 'a'), Buffer.alloc(512, 'b')], 0);
    });
    assert.ok([...seen].some((outcome) => outcome === `/d/a=${'\0'.repeat(512)}${'b'.repeat(512)}`));
  });

  it('promises by a flush only what was written before the call', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.create('/d/a');
      await disk.flushDirectory('/d');
      await file.write([Buffer.from('1')], 0);
      const flushing = file.flush();
      await file.write([Buffer.from('2')], 1);
      await flushing;
    });
    assert.deepEqual([...seen].toSorted(), ['/d/a=1', '/d/a=12']);
  });

  it('forgets what a failed flush should have written, though it still reads it', async () => {
    const seen = await outcomes(async (disk) => {
      const file = await disk.create('/d/a');
      await disk.flushDirectory('/d');
      await file.write([Buffer.from('gone')], 0);
      disk.setFault(({ kind }) => (kind === 'flush' ? { kind: 'error', code: 'EIO' } : { kind: 'none' }));
      await assert.rejects(file.flush(), { code: 'EIO' });
      disk.setFault(() => ({ kind: 'none' }));
      await file.flush();
      assert.equal(disk.content('/d/a').toString(), 'gone');
    });
    assert.deepEqual([...seen], ['/d/a=']);
  });

  it('answers nobody after a crash', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1), fault: () => ({ kind: 'crash', when: 'before' }) });
    const creation = disk.create('/d/a').then(() => 'answered');
    assert.equal(await Promise.race([creation, disk.crashed.then(() => 'crashed')]), 'crashed');
    assert.deepEqual(disk.afterKill().paths, []);
  });
});
