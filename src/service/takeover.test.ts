import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { toInstant } from '../foundation/clock.ts';
import { MemoryState } from '../journal/embedded/testing/memory-state-store.ts';
import { describeTakeover, markStop, takeStopMark } from './takeover.ts';

const owner = { pid: 7, host: 'a', since: '2026-01-01T00:00:00.000Z', epoch: 3, state: 'unknown' } as const;

describe('the pause of a takeover', () => {
  it('counts from the end of an owner that was killed, and from the stop of one that ended in order', () => {
    const before = { owner, endedAt: toInstant(5000) };
    const killed = describeTakeover({ before, stoppingSince: undefined, now: toInstant(5300) });
    assert.deepEqual([killed.orderly, killed.pauseMs], [false, 300]);
    const stopped = describeTakeover({ before, stoppingSince: toInstant(4000), now: toInstant(5300) });
    assert.deepEqual([stopped.orderly, stopped.pauseMs], [true, 1300]);
    assert.deepEqual(stopped.from, { pid: 7, host: 'a', since: owner.since, epoch: 3 });
  });

  it('is never negative when the clock was set back', () => {
    const facts = { before: { owner: undefined, endedAt: toInstant(9000) }, stoppingSince: undefined };
    const { from, pauseMs } = describeTakeover({ ...facts, now: toInstant(5000) });
    assert.deepEqual([from, pauseMs], [null, 0]);
  });

  it('takes the mark of a stop once, so that a kill after it is not taken for a stop in order', () => {
    const states = new MemoryState().open();
    assert.ok(states !== 'locked');
    assert.equal(takeStopMark(states), undefined);
    markStop(states, toInstant(4000));
    assert.equal(takeStopMark(states), 4000);
    assert.equal(takeStopMark(states), undefined);
  });
});
