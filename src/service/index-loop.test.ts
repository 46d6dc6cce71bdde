import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { waitUntil } from '../../scripts/services/wait-until.ts';
import { FakeClock } from '../foundation/testing/fake-clock.ts';
import { silentLogger } from '../foundation/logger.ts';
import { type EventJournal, openEventJournal } from '../journal/embedded/testing/event-journal.ts';
import { boundaryOf } from '../journal/testing/journal-writes.ts';
import { eventsOf } from '../journal/embedded/testing/event-bodies.ts';
import { IndexLoop } from './index-loop.ts';

function indexCount({ disk }: EventJournal): number {
  return disk.paths.filter((path) => path.endsWith('.index')).length;
}

describe('the indexes of a journal', () => {
  it('are made in the background once the journal is quiet, and not before', async () => {
    await using stage = await openEventJournal();
    const clock = new FakeClock();
    const loop = new IndexLoop({ journal: stage.journal, quietByteCountMax: 10_000, clock, logger: silentLogger });
    loop.start();
    assert.equal(indexCount(stage), 0);
    clock.advance(60_000);
    await waitUntil('the look has ended', () => clock.timerCount === 1);
    const made = indexCount(stage);
    assert.ok(made > 3);
    for (let number = 601; number <= 1200; number += 1) {
      stage.writer.appendTransaction(boundaryOf(number), eventsOf([`id-${number}`, 'key']), []);
    }
    await stage.writer.flush();
    clock.advance(60_000);
    await waitUntil('the look has ended', () => clock.timerCount === 1);
    assert.equal(indexCount(stage), made, 'it grew too fast');
    clock.advance(60_000);
    await waitUntil('the look has ended', () => clock.timerCount === 1);
    assert.ok(indexCount(stage) > made);
    await loop.stop();
    assert.equal(clock.timerCount, 0);
  });
});
