import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { fullPace, PaceKeeper, planRestMs, sharedPace } from './copy-pace.ts';

/** Rounds of 50 ms, each of which writes its own mark, while others write so many transactions a second. */
function runRounds(keeper: PaceKeeper, othersPerSecond: number, from: { atMs: number; xid: number }): typeof from {
  const place = { ...from };
  for (let round = 0; round < 20; round += 1) {
    place.atMs += 50;
    place.xid += 1 + (othersPerSecond * 50) / 1000;
    keeper.note(BigInt(Math.floor(place.xid)), place.atMs);
  }
  return place;
}

describe('the pace of a copy', () => {
  it('makes room for others until it is known that nobody writes', () => {
    assert.equal(new PaceKeeper().pace, sharedPace);
  });

  it('rests in proportion to a round while others write, never long, and not while moved rows wait', () => {
    const rest = (durationMs: number, isBehind: boolean, pace = sharedPace): number =>
      planRestMs({ durationMs, isBehind }, pace);
    assert.equal(rest(10, false), 10 * sharedPace.restFactor);
    assert.equal(rest(20_000, false), 500);
    assert.equal(rest(10, true), 0);
    assert.equal(rest(10, false, fullPace), 0);
  });

  it('is full while only its own marks are written', () => {
    const keeper = new PaceKeeper();
    runRounds(keeper, 0, { atMs: 0, xid: 700 });
    assert.equal(keeper.pace, fullPace);
  });

  it('makes room once others write, and is full again when they have ended', () => {
    const keeper = new PaceKeeper();
    const quiet = runRounds(keeper, 2, { atMs: 0, xid: 700 });
    assert.equal(keeper.pace, fullPace);
    const busy = runRounds(keeper, 400, quiet);
    assert.equal(keeper.pace, sharedPace);
    runRounds(keeper, 0, busy);
    assert.equal(keeper.pace, fullPace);
  });

  it('is not taken in by single commits between two rounds', () => {
    const keeper = new PaceKeeper();
    const quiet = runRounds(keeper, 0, { atMs: 0, xid: 700 });
    keeper.note(BigInt(quiet.xid + 3), quiet.atMs + 1);
    assert.equal(keeper.pace, fullPace);
  });
});
