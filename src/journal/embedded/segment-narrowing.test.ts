import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { systemClock } from '../../foundation/clock.ts';
import { sequenceZero, toSequence } from '../../model/position.ts';
import type { EventTerm, SequenceRange } from '../journal-search.ts';
import { openJournalReader } from './open-journal-reader.ts';
import { type EventJournal, idOf, openEventJournal, transactionCount } from './testing/event-journal.ts';

async function narrow(stage: EventJournal, term: EventTerm, after = sequenceZero): Promise<readonly SequenceRange[]> {
  await using reader = await openJournalReader({ directory: '/journal', disk: stage.disk, clock: systemClock });
  return await reader.narrow(term, after);
}

function lies(sequence: number, ranges: readonly SequenceRange[]): boolean {
  const place = BigInt(sequence);
  return ranges.some(({ after, last }) => place > after && (last === undefined || place <= last));
}

function lengthOf(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((sum, { after, last }) => sum + Number((last ?? BigInt(transactionCount)) - after), 0);
}

describe('a look at the journal narrowed by its indexes', () => {
  it('meets every event with the id or key, wherever it begins, and leaves most of the journal out', async () => {
    await using stage = await openEventJournal();
    await stage.journal.search.refresh();
    for (let number = 1; number <= transactionCount; number += 7) {
      const ranges = await narrow(stage, { field: 'id', value: idOf(number) });
      assert.ok(lies(number, ranges), `event ${number}`);
      assert.ok(lengthOf(ranges) < transactionCount / 4);
    }
    for (const after of [0, 3, 200, 304, 599]) {
      const ranges = await narrow(stage, { field: 'key', value: 'rare' }, toSequence(BigInt(after)));
      const wanted = [3, 153, 303, 453].filter((number) => number > after);
      assert.deepEqual(
        [3, 153, 303, 453].filter((number) => lies(number, ranges)),
        wanted,
      );
      assert.ok(ranges.every((range) => range.after >= after));
    }
    assert.equal((await narrow(stage, { field: 'key', value: 'nobody' })).length, 1, 'only what may still come');
  });

  it('leaves nothing out where no index tells, and makes none', async () => {
    await using stage = await openEventJournal();
    const before = stage.disk.paths.toSorted();
    assert.deepEqual(await narrow(stage, { field: 'id', value: idOf(5) }), [{ after: 0n, last: undefined }]);
    assert.deepEqual(stage.disk.paths.toSorted(), before);
    await stage.journal.search.refresh();
    const damaged = stage.disk.paths.find((path) => path.endsWith('.index')) ?? '';
    stage.disk.plant(damaged, Buffer.from('no index'));
    const ranges = await narrow(stage, { field: 'key', value: 'nobody' });
    assert.equal(ranges.length, 2, 'the segment whose index is damaged, and the end');
  });
});
