import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createSeededRandom } from '../../src/foundation/random.ts';
import { planKills } from './kill-plan.ts';

test('draws the same kills from the same seed, more than ten over the whole run', () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const plan = planKills(createSeededRandom(seed), 60_000);
    assert.deepEqual(planKills(createSeededRandom(seed), 60_000), plan);
    assert.ok(plan.run.length >= 10 && plan.load.length >= 2);
    for (const moments of [plan.load, plan.run])
      assert.deepEqual(
        moments,
        moments.toSorted((one, other) => one - other),
      );
    assert.ok(plan.run.every((moment) => moment >= 0 && moment <= 60_000));
    assert.ok((plan.run[0] ?? Infinity) < 10_000 && (plan.run.at(-1) ?? 0) > 50_000);
  }
});
