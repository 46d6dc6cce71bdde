import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { crashEverywhere } from './crash-everywhere.ts';

/** Behind the scenarios of the everyday suite. */
const firstSeed = 1001;
const scenarioCount = 60;

describe('capture, journal and lanes in many simulated worlds', () => {
  it('lose, invent, reorder and repeat nothing when they crash at every await of 60 scenarios', async (context) => {
    let crashTotal = 0;
    for (let seed = firstSeed; seed < firstSeed + scenarioCount; seed += 1) {
      const { crashCount, pointCount } = await crashEverywhere(seed);
      assert.equal(crashCount, pointCount, `seed ${seed}: no point was left out`);
      crashTotal += crashCount;
    }
    context.diagnostic(`${crashTotal} crashes, each at another point`);
  });
});
