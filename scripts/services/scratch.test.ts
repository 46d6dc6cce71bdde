import assert from 'node:assert/strict';
import { access, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimDirectory } from '../../src/postgres/server-directory.ts';
import { sweepScratchDirectories } from './scratch.ts';

test('the sweep removes what a dead owner left, and never files whose owner it cannot read or that lives', async () => {
  const base = await mkdtemp(join(tmpdir(), 'headwater-sweep-'));
  try {
    const names = ['dead', 'unknown', 'released', 'empty', 'fresh'];
    for (const name of names) await mkdir(join(base, name));
    const dead = { owner: { pid: process.pid, started: 'long ago' } };
    await writeFile(join(base, 'dead/owner-1.json'), JSON.stringify(dead));
    // A claim in a form that this version does not know, as an older or a newer one leaves it, beside data in use.
    await writeFile(join(base, 'unknown/owner.json'), JSON.stringify(dead));
    await (await claimDirectory(join(base, 'released'))).release();
    const live = await claimDirectory(join(base, 'live'));
    for (const name of ['dead', 'unknown', 'released', 'empty', 'live']) await utimes(join(base, name), 0, 0);

    await sweepScratchDirectories(base);
    assert.deepEqual((await readdir(base)).toSorted(), ['fresh', 'live', 'released', 'unknown']);
    await access(join(base, 'unknown/owner.json'));
    await live.release();
  } finally {
    await rm(base, { recursive: true, force: true });
  }
});
