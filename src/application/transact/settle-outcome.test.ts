import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { systemRandom } from '../../foundation/random.ts';
import { FakeClock } from '../../foundation/testing/fake-clock.ts';
import { settleOutcome } from './settle-outcome.ts';

const record = { systemId: '7', timeline: 1, crashMark: '1.5', xid: 9n, events: [] };
const aborted = {
  status: 'aborted',
  system: '7',
  timeline: '00000001',
  crash: '1.5',
  block: '8192',
  segment: '16777216',
};

describe('the outcome of a lost COMMIT', () => {
  it('is asked for on another connection when one does not answer', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const handle = {
      query: () => {
        asked += 1;
        return asked === 1 ? unanswered() : Promise.resolve([aborted]);
      },
      transaction: unanswered,
    };
    const settled = settleOutcome({ handle, record, timeoutMs: 60_000, clock, random: systemRandom });
    const outcome = await advanceUntilSettled(clock, settled, 30_000);
    assert.deepEqual(outcome, { kind: 'not-applied' });
    assert.equal(asked, 2);
  });

  it('is unknown when nobody answered in time', async () => {
    const clock = new FakeClock();
    const handle = { query: unanswered, transaction: unanswered };
    const settled = settleOutcome({ handle, record, timeoutMs: 5000, clock, random: systemRandom });
    const outcome = await advanceUntilSettled(clock, settled, 5000);
    assert.deepEqual(outcome, { kind: 'indeterminate', reason: 'unreachable', cause: undefined });
  });
});

function unanswered(): Promise<never> {
  return Promise.withResolvers<never>().promise;
}

/** Moves the clock in small steps, and lets what waits run in between. */
async function advanceUntilSettled<Result>(
  clock: FakeClock,
  settled: Promise<Result>,
  limitMs: number,
): Promise<Result> {
  const seen = { isSettled: false };
  void settled.finally(() => (seen.isSettled = true));
  for (let passedMs = 0; passedMs < limitMs && !seen.isSettled; passedMs += 10) {
    clock.advance(10);
    await nextTurn();
  }
  assert.ok(seen.isSettled, `nothing was settled within ${limitMs} ms`);
  return await settled;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
