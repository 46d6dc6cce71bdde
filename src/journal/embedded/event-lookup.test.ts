import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { boundaryOf } from '../testing/journal-writes.ts';
import { journalPaths } from './journal-paths.ts';
import { OpenSegments } from './open-segments.ts';
import type { RetentionPolicy } from './plan-retention.ts';
import { countReads } from './testing/counting-disk.ts';
import { type EventJournal, idOf, openEventJournal, transactionCount } from './testing/event-journal.ts';

const keepNothing: RetentionPolicy = { minimumAgeMs: 0, maxByteCount: 10_000_000, atLimit: 'stop-capture' };

/** Opens every segment, so that what follows meets them open. */
async function locateAll({ journal }: EventJournal): Promise<readonly (bigint | undefined)[]> {
  const found: (bigint | undefined)[] = [];
  for (let number = 1; number <= transactionCount; number += 1) {
    found.push(await journal.search.locateEvent(idOf(number)));
  }
  return found;
}

const everything = Array.from({ length: transactionCount }, (_, index) => BigInt(index + 1));

describe('a look-up of an event', () => {
  it('reads a page of one index and one place of one segment, and nothing else', async () => {
    await using events = await openEventJournal();
    await locateAll(events);
    const { reads, journal } = events;
    const { opens, lists } = reads;
    let readCount = 0;
    for (let number = 1; number <= transactionCount; number += 1) {
      const before = reads.reads;
      assert.equal(await journal.search.locateEvent(idOf(number)), BigInt(number));
      readCount += reads.reads - before;
    }
    assert.deepEqual([reads.opens, reads.lists], [opens, lists]);
    // A filter says yes once in a while to what its segment does not hold, which costs a page more.
    assert.ok(readCount <= 2.5 * transactionCount, `${readCount} reads`);
  });

  it('reads nothing at all for most of what the journal does not hold', async () => {
    await using events = await openEventJournal();
    await locateAll(events);
    const { reads, journal } = events;
    const before = reads.reads;
    for (let number = 1; number <= 200; number += 1) {
      assert.equal(await journal.search.locateEvent(idOf(transactionCount + number)), undefined);
    }
    assert.ok(reads.reads - before <= 100, `${reads.reads - before} reads`);
  });

  it('keeps no more than 64 segments open, however many it looks into', async () => {
    await using events = await openEventJournal(1000);
    const segments = (): number => [...events.reads.open].filter((path) => path.includes('.segment')).length;
    assert.deepEqual(await locateAll(events), everything);
    assert.ok(events.disk.paths.filter((path) => path.endsWith('.segment')).length > 100);
    // One more is the open one, which is followed.
    assert.equal(segments(), 65);
    const concurrent = Array.from({ length: transactionCount }, (_, index) =>
      events.journal.search.locateEvent(idOf(index + 1)),
    );
    assert.deepEqual(await Promise.all(concurrent), everything);
    assert.equal(segments(), 65);
  });

  it('does not find what retention has removed, and leaves none of its files open', async () => {
    await using events = await openEventJournal();
    await locateAll(events);
    const { removals } = await events.journal.createRetention(keepNothing, 0).run([]);
    const last = removals.at(-1)?.segment.lastSequence ?? 0n;
    assert.ok(removals.length > 3);
    assert.deepEqual(
      await locateAll(events),
      everything.map((sequence) => (sequence > last ? sequence : undefined)),
    );
    const kept = new Set(events.disk.paths);
    const left = [...events.reads.open].filter((path) => !kept.has(path.replace(/#\d+$/, '')));
    assert.deepEqual(left, []);
  });

  it('does not find an event, and does not fail, when retention removes its segment during the look-up', async () => {
    await using events = await openEventJournal();
    const { journal, reads } = events;
    await journal.search.refresh();
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    reads.beforeRead = async (path) => {
      if (!path.endsWith('.index')) return;
      begun.resolve();
      await goOn.promise;
    };
    const searching = journal.search.locateEvent(idOf(1));
    await begun.promise;
    assert.ok((await journal.createRetention(keepNothing, 0).run([])).removals.length > 3);
    goOn.resolve();
    assert.equal(await searching, undefined);
    assert.ok([...reads.open].every((path) => events.disk.paths.includes(path.replace(/#\d+$/, ''))));
  });

  it('finds nothing of a segment that retention removes while its index is opened', async () => {
    await using events = await openEventJournal();
    const { journal, reads, disk } = events;
    const sealed = disk.paths.filter((path) => path.endsWith('.segment')).length - 1;
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    reads.beforeRead = async (path) => {
      if (!path.endsWith(`${sealed}.index`)) return;
      begun.resolve();
      await goOn.promise;
    };
    const refreshing = journal.search.refresh();
    await begun.promise;
    const { removals } = await journal.createRetention(keepNothing, 0).run([]);
    assert.equal(removals.at(-1)?.segment.number, sealed);
    goOn.resolve();
    await refreshing;
    const removed = Number(removals.at(-1)?.segment.lastSequence);
    assert.deepEqual(await journal.search.locateTransaction(boundaryOf(removed).xid), []);
    assert.deepEqual(await journal.search.locateTransaction(boundaryOf(removed + 1).xid), [BigInt(removed + 1)]);
  });

  it('keeps a removed segment open for whoever still reads it, and no longer', async () => {
    await using events = await openEventJournal();
    const { disk, counts } = countReads(events.disk);
    const paths = journalPaths('/journal');
    await using segments = new OpenSegments({ disk, paths, journalId: events.journal.journalId });
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const reading = segments.use(1, async ({ file }) => {
      begun.resolve();
      await goOn.promise;
      return await file.read(new Uint8Array(1), 0);
    });
    await begun.promise;
    await segments.forget(1);
    assert.equal(counts.open.size, 1);
    goOn.resolve();
    assert.equal(await reading, 1);
    assert.equal(counts.open.size, 0);
  });

  it('closes every file with the journal', async () => {
    const events = await openEventJournal();
    await locateAll(events);
    await events[Symbol.asyncDispose]();
    assert.deepEqual([...events.reads.open], []);
  });
});
