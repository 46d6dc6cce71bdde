import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createSeededRandom } from '../../foundation/random.ts';
import { MeanDisk } from '../../foundation/testing/mean-disk.ts';
import {
  boundaryOf,
  fragmentOf,
  readAll,
  readTexts,
  schemaOf,
  sourceStart,
  testSource,
} from '../testing/journal-writes.ts';
import { meanGround, openEmbeddedEngine } from './testing/embedded-engine.ts';
import { MemoryState } from './testing/memory-state-store.ts';
import { journalPaths } from './journal-paths.ts';
import { recoverJournal } from './recovery.ts';
import { verifyJournal } from './verify-journal.ts';

const path = '/journal/segments/0000000000000001.segment';

/** A journal whose last flush wrote a transaction in fragments with schemas behind it; `flushed` is where that flush begins. */
async function openWithTail(): Promise<{
  readonly disk: MeanDisk;
  readonly state: MemoryState;
  readonly flushed: number;
}> {
  const disk = new MeanDisk({ random: createSeededRandom(1) });
  const state = new MemoryState();
  const { recorder } = await openEmbeddedEngine(meanGround(1, disk, state));
  recorder.recordSource(testSource, sourceStart, 'initial');
  recorder.appendTransaction(boundaryOf(1), fragmentOf('t1;'), []);
  await recorder.flush();
  const flushed = disk.content(path).length;
  recorder.appendFragment(2, 2, fragmentOf('a;'));
  recorder.appendFragment(2, 2, fragmentOf('b;'));
  recorder.commitTransaction(boundaryOf(2, 2), [schemaOf(1, 'one'), schemaOf(2, 'two')]);
  recorder.appendTransaction(boundaryOf(3), fragmentOf('t3;'), []);
  await recorder.flush();
  disk.crash();
  state.free();
  return { disk, state, flushed };
}

describe('a torn tail', () => {
  it('is cut behind the last whole transaction at every length, schemas included, and written on', async () => {
    const { disk: written, state, flushed } = await openWithTail();
    const content = written.content(path);
    const seen = new Set<string>();
    for (let length = flushed; length <= content.length; length += 1) {
      const disk = new MeanDisk({ random: createSeededRandom(1) });
      disk.plant(path, content.subarray(0, length));
      const report = await verifyJournal('/journal', { disk });
      assert.equal(report.problem, undefined);
      const copy = new MeanDisk({ random: createSeededRandom(1) });
      copy.plant(path, disk.content(path));
      const known = await recoverJournal({
        disk: copy,
        paths: journalPaths('/journal'),
        journalId: report.journalId ?? '',
        epoch: 9,
        nowMicros: 0n,
      });
      assert.equal(known.carry.lastSequence, report.lastSequence);
      const engine = await openEmbeddedEngine(meanGround(1, disk, state));
      const texts = await readTexts(engine.reader);
      seen.add(texts.join());
      assert.deepEqual(texts, ['t1;', 'a;b;', 't3;'].slice(0, texts.length));
      const { cut } = engine.journal.recovery;
      if (cut !== undefined) assert.deepEqual([cut.file, cut.offset + cut.byteCount], [path, length]);
      // The source sends again what was cut.
      engine.recorder.appendTransaction(boundaryOf(9), fragmentOf('next;'), []);
      await engine.recorder.flush();
      const { met } = await readAll(engine.reader);
      const schemas = met.flatMap((entry) => ('schema' in entry ? [entry.schema] : []));
      assert.deepEqual(schemas, texts.length >= 2 ? ['1:one', '2:two'] : []);
      assert.deepEqual(await readTexts(engine.reader), [...texts, 'next;']);
      await engine.close();
      assert.equal((await verifyJournal('/journal', { disk })).problem, undefined);
    }
    assert.deepEqual([...seen], ['t1;', 't1;,a;b;', 't1;,a;b;,t3;']);
  });

  it('is cut before the first lost page, also when later pages reached the disk', async () => {
    const { disk: written, state, flushed } = await openWithTail();
    const content = written.content(path);
    for (let offset = flushed; offset < content.length; offset += 1) {
      const torn = Buffer.from(content);
      torn.fill(0, offset, Math.min(offset + 40, torn.length));
      const disk = new MeanDisk({ random: createSeededRandom(1) });
      disk.plant(path, torn);
      const engine = await openEmbeddedEngine(meanGround(1, disk, state));
      const texts = await readTexts(engine.reader);
      assert.ok(texts.length >= 1);
      if (!torn.equals(content)) assert.ok(texts.length < 3);
      assert.deepEqual(texts, ['t1;', 'a;b;', 't3;'].slice(0, texts.length));
      await engine.close();
    }
  });
});

describe('a writer that is opened again by the same owner', () => {
  it('gives its spools names of their own', async () => {
    const disk = new MeanDisk({ random: createSeededRandom(1) });
    const engine = await openEmbeddedEngine(meanGround(1, disk));
    engine.recorder.recordSource(testSource, sourceStart, 'initial');
    const spoolOne = async (writer: typeof engine.recorder, number: number): Promise<void> => {
      writer.appendFragment(number, number, fragmentOf(`t${number};`));
      writer.recordProgress(boundaryOf(number).commitLsn);
      writer.commitTransaction(boundaryOf(number, number), []);
      await writer.flush();
    };
    await spoolOne(engine.recorder, 1);
    disk.setFault(({ kind }) => (kind === 'flush' ? { kind: 'error', code: 'EIO' } : { kind: 'none' }));
    await assert.rejects(spoolOne(engine.recorder, 2), { code: 'HW-JOURNAL-008' });
    disk.setFault(() => ({ kind: 'none' }));
    const next = await engine.journal.openWriter();
    await spoolOne(next, 3);
    assert.deepEqual(await readTexts(engine.reader), ['t1;', 't3;']);
    await next.close();
    await engine.close();
  });
});
