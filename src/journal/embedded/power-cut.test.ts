import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { unreachable } from '../../foundation/assert.ts';
import { createSeededRandom, type Random } from '../../foundation/random.ts';
import { type DiskCall, type DiskFault, MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { readTexts } from '../testing/journal-writes.ts';
import { type EmbeddedEngine, meanGround, openEmbeddedEngine } from './testing/embedded-engine.ts';
import { MemoryState } from './testing/memory-state-store.ts';
import { RandomWrites } from './testing/random-writes.ts';
import { verifyJournal } from './verify-journal.ts';

const runCount = 250;

/** What ends one life of a journal. */
type Fault = 'crash' | 'failed-flush' | 'full-disk';
const faults: readonly Fault[] = ['crash', 'failed-flush', 'full-disk'];

describe('a journal whose machine fails', () => {
  it('keeps every flushed transaction, shows whole ones only, and goes on', async () => {
    await fc.assert(fc.asyncProperty(fc.integer(), liveSeveralLives), { numRuns: runCount });
  });
});

/** After each life either the process is started again, or the machine was without power. */
async function liveSeveralLives(seed: number): Promise<void> {
  const random = createSeededRandom(seed);
  const writes = new RandomWrites(random);
  const state = new MemoryState();
  let disk = new MeanDisk({ random });
  for (let life = 0; life < 4; life += 1) {
    disk.setFault(planFault(random, disk.callNumber));
    await live({ disk, state, writes, random, seed });
    disk = random.next() < 0.5 ? disk.afterKill() : disk.afterPowerCut();
    state.free();
  }
  const outcome = await live({ disk, state, writes, random, seed });
  assert.equal(outcome, 'ended', 'without faults a life ends by itself');
  const engine = await openEmbeddedEngine(meanGround(seed, disk, state));
  assert.deepEqual(await readTexts(engine.reader), writes.committed);
  await engine.close();
  assert.equal((await verifyJournal('/journal', { disk })).problem, undefined);
}

interface Life {
  readonly disk: MeanDisk;
  readonly state: MemoryState;
  readonly writes: RandomWrites;
  readonly random: Random;
  readonly seed: number;
}

/** Opens, checks what is there, writes for a while, closes; ends early when the machine does or an error stops it. */
async function live(life: Life): Promise<'ended' | 'stopped'> {
  const run = liveOn(life).then(
    () => 'ended' as const,
    (error: unknown) => {
      if (isExpected(error)) return 'stopped' as const;
      throw error;
    },
  );
  return await Promise.race([run, life.disk.crashed.then(() => 'stopped' as const)]);
}

async function liveOn({ disk, state, writes, random, seed }: Life): Promise<void> {
  const engine = await openEmbeddedEngine(meanGround(seed, disk, state));
  await checkVisible(engine, writes);
  writes.resume(engine.recorder, Number(engine.reader.durableEnd.sequence));
  writes.adoptPrepared(engine.recorder.state.preparedGids);
  const stepCount = 20 + Math.floor(random.next() * 60);
  for (let step = 0; step < stepCount; step += 1) await writes.step(engine.recorder);
  await engine.close();
  writes.durableCount = writes.committed.length;
}

async function checkVisible(engine: EmbeddedEngine, writes: RandomWrites): Promise<void> {
  const texts = await readTexts(engine.reader);
  assert.ok(texts.length >= writes.durableCount, `${texts.length} visible, ${writes.durableCount} were flushed`);
  assert.deepEqual(texts, writes.committed.slice(0, texts.length));
}

function planFault(random: Random, done: number): (call: DiskCall) => DiskFault {
  const fault = faults[Math.floor(random.next() * faults.length)] ?? 'crash';
  const at = done + 1 + Math.floor(random.next() * 60);
  const when = (['before', 'during', 'after'] as const)[Math.floor(random.next() * 3)] ?? 'before';
  return ({ number, kind }) => {
    if (number < at) return { kind: 'none' };
    switch (fault) {
      case 'crash':
        return number === at ? { kind: 'crash', when } : { kind: 'none' };
      case 'failed-flush':
        return kind === 'flush' && number < at + 3 ? { kind: 'error', code: 'EIO' } : { kind: 'none' };
      case 'full-disk':
        return kind === 'write' || kind === 'create' ? { kind: 'error', code: 'ENOSPC' } : { kind: 'none' };
      default:
        return unreachable(fault);
    }
  };
}

function isExpected(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    code === 'HW-JOURNAL-007' ||
    code === 'HW-JOURNAL-008' ||
    code === 'HW-JOURNAL-009' ||
    code === 'ENOSPC' ||
    code === 'EIO'
  );
}
