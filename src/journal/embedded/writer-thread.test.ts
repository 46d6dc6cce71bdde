import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

import { systemClock } from '../../foundation/clock.ts';
import { silentLogger } from '../../foundation/logger.ts';
import { nodeDisk } from '../../foundation/node-disk.ts';
import { systemRandom } from '../../foundation/random.ts';
import { toLsn } from '../../model/lsn.ts';
import { sequenceZero, toSequence } from '../../model/position.ts';
import { boundaryOf, EntryCollector } from '../testing/journal-writes.ts';
import { openJournal, type OpenedJournal } from './open-journal.ts';
import { allocateSharedEnd, SharedDurableEnd } from './shared-durable-end.ts';

describe('a writer in a thread of its own', () => {
  let directory: string;
  let journal: OpenedJournal;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'headwater-thread-'));
    journal = await openJournal({
      directory,
      disk: nodeDisk,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
  });
  after(async () => {
    await journal[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it("wakes readers in the owner's thread with what it made durable", async () => {
    const worker = new Worker(new URL('testing/writer-worker.ts', import.meta.url), {
      workerData: journal.writerInput,
    });
    await once(worker, 'message');
    const collector = new EntryCollector();
    const following = (async () => {
      for await (const entries of journal.reader.read({ after: sequenceZero, follow: true })) {
        collector.take(entries);
        if (collector.transactions.length === 100) return;
      }
    })();
    for (let number = 1; number <= 100; number += 1) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
      worker.postMessage(number);
      // Nothing but the shared memory tells this thread.
      assert.equal(
        (await journal.reader.waitBehind(toSequence(BigInt(number - 1)))).recordedLsn,
        boundaryOf(number).commitEndLsn,
      );
    }
    await following;
    assert.equal(collector.transactions.at(-1)?.text, 't100;');
    const exited = once(worker, 'exit');
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    worker.postMessage(0);
    await exited;
  });
});

describe('the durable end in shared memory', () => {
  it('is read whole, with LSNs above 2^63 as they are', () => {
    const memory = allocateSharedEnd();
    const place = { sequence: toSequence(7n), recordedLsn: toLsn(0xffff_ffff_0000_0001n), segment: 3, offset: 2 ** 40 };
    new SharedDurableEnd(memory).publish(place);
    assert.deepEqual(new SharedDurableEnd(memory).place, place);
  });

  it('is never read half, however often it moves meanwhile', async () => {
    const memory = allocateSharedEnd();
    const source = `
      import { workerData } from 'node:worker_threads';
      import { SharedDurableEnd } from ${JSON.stringify(new URL('shared-durable-end.ts', import.meta.url).href)};
      const end = new SharedDurableEnd(workerData);
      for (let n = 1; n <= 200000; n += 1) end.publish({ sequence: BigInt(n), recordedLsn: BigInt(n), segment: n, offset: n });`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: memory });
    const end = new SharedDurableEnd(memory);
    const exited = once(worker, 'exit');
    let seen = 0;
    while (seen < 200_000) {
      const { version } = end;
      const { sequence, recordedLsn, segment, offset } = end.place;
      assert.deepEqual([sequence, recordedLsn, segment], [BigInt(offset), BigInt(offset), offset]);
      assert.ok(offset >= seen);
      seen = offset;
      if (seen < 200_000) await end.changedSince(version, undefined);
    }
    await exited;
  });
});
