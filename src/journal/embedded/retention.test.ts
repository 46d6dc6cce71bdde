import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { systemClock, toInstant } from '../../foundation/clock.ts';
import { silentLogger } from '../../foundation/logger.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import { createSeededRandom } from '../../foundation/random.ts';

import { sequenceZero, toSequence } from '../../model/position.ts';
import { writeLaneGap } from '../lane-gap.ts';
import {
  boundaryOf,
  fragmentOf,
  readAll,
  readTexts,
  schemaOf,
  sourceStart,
  testSource,
} from '../testing/journal-writes.ts';
import { DurableEndCell } from './durable-end-cell.ts';
import { journalPaths } from './journal-paths.ts';
import type { RetentionPolicy } from './plan-retention.ts';
import { Retention } from './retention.ts';
import { type EmbeddedEngine, meanGround, openEmbeddedEngine } from './testing/embedded-engine.ts';
import { MemoryState } from './testing/memory-state-store.ts';
import { verifyJournal } from './verify-journal.ts';

const keepNothing: RetentionPolicy = { minimumAgeMs: 0, maxByteCount: 10_000_000, atLimit: 'stop-capture' };
const textOf = (number: number): string => `t${number};`.padEnd(500, '.');

/** A journal of about seven segments; every tenth transaction lies in a spool. */
async function openFilled(disk: MeanDisk, state: MemoryState): Promise<EmbeddedEngine> {
  const engine = await openEmbeddedEngine(meanGround(1, disk, state));
  const { recorder } = engine;
  recorder.recordSource(testSource, sourceStart, 'initial');
  for (let number = 1; number <= 200; number += 1) {
    const schemas = number === 1 ? [schemaOf(1, 'one')] : [];
    if (number % 10 === 0) {
      recorder.appendFragment(number, number, fragmentOf(textOf(number)));
      recorder.recordProgress(boundaryOf(number - 1).commitEndLsn);
      recorder.commitTransaction(boundaryOf(number, number), schemas);
    } else recorder.appendTransaction(boundaryOf(number), fragmentOf(textOf(number)), schemas);
  }
  await recorder.flush();
  return engine;
}

describe('retention in a journal', () => {
  it('removes whole segments with their spools, counts them, and leaves a journal that is intact', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    const engine = await openFilled(disk, new MemoryState());
    const before = await engine.reader.extent();
    const retention = engine.journal.createRetention(keepNothing, 0);
    const plan = await retention.run([{ name: 'lane', sequence: toSequence(100n) }]);
    assert.ok(plan.removals.length >= 2);
    const { first, last, byteCount } = await engine.reader.extent();
    assert.ok(first > 1n && first <= 101n && last === 200n && byteCount < before.byteCount);
    const { totals } = retention;
    assert.deepEqual([totals.segmentCount, totals.transactionCount], [plan.removals.length, Number(first - 1n)]);
    assert.equal(engine.state.list('trim').length, plan.removals.length + 1);
    const spools = disk.paths.filter((path) => path.endsWith('.spool'));
    const keptSpools = Array.from({ length: 20 }, (_, index) => 10 * (index + 1)).filter(
      (number) => BigInt(number) >= first,
    );
    assert.equal(spools.length, keptSpools.length);
    const expected = Array.from({ length: 200 }, (_, index) => textOf(index + 1)).slice(Number(first) - 1);
    assert.deepEqual(await readTexts(engine.reader, toSequence(first - 1n)), expected);
    assert.deepEqual(await readTexts(engine.reader), expected);
    assert.deepEqual((await readAll(engine.reader)).met[0], { schema: '1:one' });
    await engine.close();
    assert.equal((await verifyJournal('/journal', { disk })).problem, undefined);
  });

  it('lets others ask for the extent and for a time while segments go', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = createSeededRandom(seed);
      const pause = async (): Promise<void> => {
        for (let turn = Math.floor(random.next() * 8); turn > 0; turn -= 1) await Promise.resolve();
      };
      const engine = await openFilled(new MeanDisk({ random, pause }), new MemoryState());
      const { reader } = engine;
      const retention = engine.journal.createRetention(keepNothing, 0);
      const removed = new AbortController();
      const removing = retention.run([{ name: 'lane', sequence: toSequence(150n) }]).finally(() => removed.abort());
      const askAlways = async (ask: () => Promise<bigint>): Promise<void> => {
        for (let least = 0n; !removed.signal.aborted;) {
          const first = await ask();
          assert.ok(first >= least, `seed ${seed}: ${first} follows ${least}`);
          least = first;
        }
      };
      await Promise.all([
        removing,
        askAlways(async () => (await reader.extent()).first),
        askAlways(() => reader.locateTime(toInstant(0))),
      ]);
      assert.ok((await reader.extent()).first > 100n);
      await engine.close();
    }
  });

  it('refuses a reader what was removed', async () => {
    const engine = await openFilled(new MeanDisk({ random: createSeededRandom(1) }), new MemoryState());
    const slow = engine.reader.read({ after: sequenceZero, follow: false })[Symbol.asyncIterator]();
    await slow.next();
    await engine.journal.createRetention(keepNothing, 0).run([]);
    await assert.rejects(readAll(engine.reader, toSequence(1n)), { code: 'HW-JOURNAL-010' });
    await assert.rejects(
      async () => {
        while ((await slow.next()).done !== true);
      },
      { code: 'HW-JOURNAL-010' },
    );
    await engine.close();
  });

  it('leaves a gap record of each lane that it gives up', async () => {
    const engine = await openFilled(new MeanDisk({ random: createSeededRandom(1) }), new MemoryState());
    const policy = { ...keepNothing, maxByteCount: 60_000, atLimit: 'detach-lane' } as const;
    const plan = await engine.journal.createRetention(policy, 0).run([{ name: 'slow', sequence: toSequence(5n) }]);
    assert.equal(plan.detachments.length, 1);
    const gap: unknown = JSON.parse(engine.state.read('lane-gap', 'slow') ?? '{}');
    assert.deepEqual(gap, {
      ...(gap as object),
      firstLost: '6',
      lastLost: String(plan.removals.at(-1)?.segment.lastSequence),
    });
    await engine.close();
  });

  it('keeps nothing for a lane that was given up, and all for one that began anew behind the gap', async () => {
    const engine = await openFilled(new MeanDisk({ random: createSeededRandom(1) }), new MemoryState());
    writeLaneGap(engine.state, 'slow', { firstLost: toSequence(6n), lastLost: toSequence(20n), atMs: 0 });
    const retention = engine.journal.createRetention(keepNothing, 0);
    assert.deepEqual((await retention.run([{ name: 'slow', sequence: toSequence(20n) }])).removals, []);
    assert.ok((await retention.run([{ name: 'slow', sequence: toSequence(5n) }])).removals.length >= 2);
    await engine.close();
  });

  it('is not due again before something grew, a lane moved, or a minute passed, and always while capture is held', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    const engine = await openFilled(disk, new MemoryState());
    const { sequence, recordedLsn } = engine.reader.durableEnd;
    const place = { sequence, recordedLsn, segment: 7, offset: 1000 };
    const end = new DurableEndCell(place);
    let nowMs = 0;
    const open = (policy: RetentionPolicy): Retention =>
      new Retention({
        files: { disk, paths: journalPaths('/journal'), journalId: engine.journal.journalId },
        state: engine.state,
        reader: engine.reader,
        end,
        clock: { ...systemClock, monotonicMs: () => nowMs },
        logger: silentLogger,
        policy,
        headroomByteCount: 0,
        onRemoved: async () => {},
      });
    const lanes = [{ name: 'lane', sequence: toSequence(10n) }];
    const retention = open({ ...keepNothing, minimumAgeMs: 1e9 });
    assert.equal(retention.isDue(lanes), true);
    await retention.run(lanes);
    end.publish({ ...place, offset: 1032 });
    assert.equal(retention.isDue(lanes), false);
    assert.equal(retention.isDue([{ name: 'lane', sequence: toSequence(11n) }]), true);
    assert.equal(retention.isDue([]), true);
    nowMs = 60_000;
    assert.equal(retention.isDue(lanes), true);
    await retention.run(lanes);
    end.publish({ ...place, offset: 1_000_000 });
    assert.equal(retention.isDue(lanes), true);
    await retention.run(lanes);
    end.publish({ ...place, segment: 8 });
    assert.equal(retention.isDue(lanes), true);
    await retention.run(lanes);
    for (let flush = 0; flush < 20; flush += 1) end.publish({ ...place, segment: 8 });
    assert.equal(retention.isDue(lanes), true);
    const held = open({ ...keepNothing, minimumAgeMs: 1e9, maxByteCount: 1000 });
    assert.equal((await held.run(lanes)).mayCapture, false);
    assert.equal(held.isDue(lanes), true);
    await engine.close();
  });

  it('leaves no gap between segments and no spool behind, whenever the power goes', async () => {
    for (let call = 1; call < 60; call += 1) {
      const state = new MemoryState();
      const disk = new MeanDisk({ random: createSeededRandom(call) });
      const engine = await openFilled(disk, state);
      const at = disk.callNumber + call;
      disk.setFault(({ number }) => (number === at ? { kind: 'crash', when: 'after' } : { kind: 'none' }));
      const run = engine.journal.createRetention(keepNothing, 0).run([]);
      const isOver = await Promise.race([run.then(() => true), disk.crashed.then(() => false)]);
      state.free();
      const next = await openEmbeddedEngine(meanGround(1, disk.afterPowerCut(), state));
      const { first } = await next.reader.extent();
      assert.equal((await readTexts(next.reader)).length, 201 - Number(first));
      await next.journal.createRetention(keepNothing, 0).run([]);
      assert.equal((await next.reader.extent()).first > 150n, true);
      await next.close();
      if (isOver) return;
    }
    assert.fail('the retention never came to its end');
  });
});
