import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { createDemoPlan, demoScale } from './demo-plan.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });

describe('the plan of the demo', () => {
  it('is the same for the same seed, and another for another', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        assert.deepEqual(createDemoPlan(seed), createDemoPlan(seed));
        assert.notDeepEqual(createDemoPlan(seed).orderServiceKillsMs, createDemoPlan(seed + 1).orderServiceKillsMs);
      }),
    );
  });

  it('has as many orders, kills and cuts as it says, all within the run and in the order of time', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const plan = createDemoPlan(seed);
        const timetable = [
          [demoScale.orderCount, plan.customers.map((customer) => customer.arrivalMs)],
          [demoScale.orderServiceKillCount, plan.orderServiceKillsMs],
          [demoScale.receiverCutCount, plan.receiverCuts.map((cut) => cut.atMs)],
          [demoScale.headwaterKillCount, plan.headwaterKillsMs],
        ] as const;
        for (const [count, times] of timetable) {
          assert.equal(times.length, count);
          assert.ok(times.every((time, index) => time >= (times[index - 1] ?? 0) && time < plan.durationMs));
        }
        assert.ok(plan.storeOutage.atMs + plan.storeOutage.durationMs < plan.durationMs);
      }),
    );
  });

  it('kills uniformly over the whole run: no time is preferred', () => {
    const bucketCount = 8;
    const buckets = Array.from({ length: bucketCount }, () => 0);
    for (let seed = 0; seed < 2000; seed += 1) {
      const plan = createDemoPlan(seed);
      for (const time of [...plan.orderServiceKillsMs, ...plan.headwaterKillsMs]) {
        const bucket = Math.floor((time / plan.durationMs) * bucketCount);
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
    }
    const expected = (2000 * (demoScale.orderServiceKillCount + demoScale.headwaterKillCount)) / bucketCount;
    const chiSquare = buckets.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 7 degrees of freedom: a uniform draw stays below this in 999 of 1,000 cases, and these seeds are fixed.
    assert.ok(chiSquare < 24.3, `chi square ${chiSquare} of ${buckets.join(' ')}`);
  });

  it('moves no customer when it kills more often', () => {
    const more = createDemoPlan(42, { ...demoScale, orderServiceKillCount: 40, headwaterKillCount: 0 });
    assert.deepEqual(more.customers, createDemoPlan(42).customers);
    assert.deepEqual(more.receiverCuts, createDemoPlan(42).receiverCuts);
  });
});
