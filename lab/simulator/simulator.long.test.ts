import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { simulateSeeds } from './simulate-seeds.ts';

/** Behind the seeds of the everyday suite. */
const seeds = { from: 1_000_001, count: 50_000, limitMs: 25 * 60_000 };

describe('capture, journal and lanes in many simulated worlds', () => {
  it('lose, invent, reorder and repeat nothing in 50,000 runs, or as many as 25 minutes allow', async () => {
    const { runCount } = await simulateSeeds(seeds);
    assert.ok(runCount > 1000, `only ${runCount} runs in the time`);
  });
});
