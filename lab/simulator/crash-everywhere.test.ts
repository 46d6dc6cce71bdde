import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { crashEverywhere } from './crash-everywhere.ts';

/** Short scenarios; between them they have every kind of store, and records that are parked, retried and dropped in those that can. */
const scenarioSeeds = [18, 42];
const wantedSeed = process.env['HEADWATER_SIMULATOR_SEED'];

const storeKinds = new Set<string>();

describe('capture, journal and lanes in a simulated world', () => {
  // One test for each: together they take longer than a test may on a slow machine.
  for (const seed of wantedSeed === undefined ? scenarioSeeds : [Number(wantedSeed)]) {
    it(
      `lose, invent, reorder and repeat nothing when they crash at every await in turn, seed ${seed}`,
      { timeout: 600_000 },
      async (context) => {
        const { crashCount, placeCounts, pointCount, uninterrupted } = await crashEverywhere(seed);
        for (const kind of uninterrupted.storeKinds) storeKinds.add(kind);
        context.diagnostic(
          `seed ${seed}: crashed at ${crashCount} of ${pointCount} points, of ${placeCounts.await} awaits, ` +
            `${placeCounts['disk-call']} calls of the disk, ${placeCounts['immediate-call']} calls without an await`,
        );
        // Counted by the scheduler and the disk, and not where the crashes are decided. One await lies before the first step.
        assert.equal(placeCounts.await, uninterrupted.stepCount + 1, 'every await is a point');
        assert.equal(placeCounts['disk-call'], uninterrupted.diskCallCount, 'every call is a point');
        assert.ok(placeCounts['immediate-call'] > 0, 'statuses and checkpoints are points');
        const wanted = 2 * placeCounts.await + 3 * placeCounts['disk-call'] + placeCounts['immediate-call'];
        assert.equal(crashCount, wanted, 'no point was left out');
      },
    );
  }

  it('have every kind of store in the scenarios of the crashes', { skip: wantedSeed !== undefined }, () => {
    assert.equal(storeKinds.size, 4);
  });
});
