import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { simulateSeeds } from './simulate-seeds.ts';
import { simulate } from './simulate.ts';

const seedCount = 1000;
/** Tests of so many, so that whoever watches sees that it goes on. */
const partCount = 200;
const wantedSeed = process.env['HEADWATER_SIMULATOR_SEED'];

describe('capture, journal and lanes in a simulated world', () => {
  it('lose, invent, reorder and repeat nothing, wherever they are killed', { timeout: 600_000 }, async (context) => {
    if (wantedSeed !== undefined) {
      await simulateSeeds({ from: Number(wantedSeed), count: 1 });
      return;
    }
    let neverMet: readonly string[] | undefined;
    for (let from = 1; from <= seedCount; from += partCount) {
      await context.test(`seeds ${from} to ${from + partCount - 1}`, async () => {
        const summary = await simulateSeeds({ from, count: partCount });
        neverMet = summary.neverMet.filter((kind) => neverMet?.includes(kind) ?? true);
      });
    }
    assert.deepEqual(neverMet, [], 'every kind of event came about');
  });

  it('run the same way each time they are given the same seed', async () => {
    for (const seed of [3, 58, 777]) {
      const first = await simulate(seed);
      const second = await simulate(seed);
      assert.equal(second.traceHash, first.traceHash, `seed ${seed}`);
      assert.equal(second.stepCount, first.stepCount, `seed ${seed}`);
    }
  });

  it('run another way with another seed', async () => {
    assert.notEqual((await simulate(1)).traceHash, (await simulate(2)).traceHash);
  });
});
