import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { boundaryOf, fragmentOf, readTexts, sourceStart, testSource } from '../testing/journal-writes.ts';
import type { JournalWriter } from './journal-writer.ts';
import { type EmbeddedEngine, meanGround, nodeGround, openEmbeddedEngine } from './testing/embedded-engine.ts';
import { verifyJournal } from './verify-journal.ts';

const textOf = (number: number): string => `t${number};`.padEnd(900, '.');

/** Appends until the disk is full. @returns how many were flushed */
async function fill(writer: JournalWriter): Promise<number> {
  for (let number = 1; ; number += 1) {
    writer.appendTransaction(boundaryOf(number), fragmentOf(textOf(number)), []);
    try {
      await writer.flush();
    } catch (error) {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-JOURNAL-007', String(error));
      return number - 1;
    }
  }
}

async function fillAndResume(engine: EmbeddedEngine, makeRoom: () => Promise<void>): Promise<void> {
  engine.recorder.recordSource(testSource, sourceStart, 'initial');
  const flushed = await fill(engine.recorder);
  assert.ok(flushed > 10);
  await assert.rejects(engine.recorder.flush(), { code: 'HW-JOURNAL-009' });
  assert.throws(() => engine.recorder.recordProgress(boundaryOf(flushed).commitEndLsn), { code: 'HW-JOURNAL-009' });
  assert.equal(engine.reader.durableEnd.sequence, BigInt(flushed));
  await engine.recorder.close();
  await makeRoom();
  const writer = await engine.journal.openWriter();
  // What was written and not confirmed may have stayed; the source sends it again, and it is known by its end.
  const kept = Number(writer.state.lastSequence);
  assert.ok(kept >= flushed);
  for (let number = kept + 1; number <= flushed + 20; number += 1) {
    writer.appendTransaction(boundaryOf(number), fragmentOf(textOf(number)), []);
  }
  await writer.flush();
  const expected = Array.from({ length: flushed + 20 }, (_, index) => textOf(index + 1));
  assert.deepEqual(await readTexts(engine.reader), expected);
  await writer.close();
}

describe('a journal on a full disk', () => {
  it('stops by name, and goes on with nothing lost or doubled once there is room', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(3), capacityByteCount: 60_000 });
    const engine = await openEmbeddedEngine(meanGround(3, disk));
    await fillAndResume(engine, async () => disk.setCapacity(1_000_000));
    await engine.close();
    assert.equal((await verifyJournal('/journal', { disk })).problem, undefined);
  });

  it('does so on a real file system of half a megabyte', { skip: mountRefusal() }, async () => {
    const mount = await mkdtemp(join(tmpdir(), 'headwater-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', mount]);
    try {
      const ballast = join(mount, 'ballast');
      await writeFile(ballast, Buffer.alloc(200_000));
      const engine = await openEmbeddedEngine(nodeGround(join(mount, 'journal')));
      await fillAndResume(engine, () => truncate(ballast, 0));
      await engine.close();
    } finally {
      execFileSync('umount', [mount]);
      await rm(mount, { recursive: true });
    }
  });
});

/** Why no file system can be mounted here; false when it can. */
function mountRefusal(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'only root on Linux can mount a small file system';
  const probe = join(tmpdir(), `headwater-mount-${process.pid}`);
  try {
    execFileSync('mkdir', [probe]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe]);
    return false;
  } catch {
    return 'this machine lets nobody mount a file system';
  } finally {
    execFileSync('rmdir', [probe]);
  }
}
