import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { systemClock } from '../../foundation/clock.ts';
import { systemRandom } from '../../foundation/random.ts';
import { type DamageKind, damageKinds, hasDamage } from './damage.ts';
import type { DemoObserver } from './demo-observer.ts';
import { type DemoReport, listDamage } from './demo-report.ts';
import { runDemo } from './run-demo.ts';

const SEED_COUNT = 20;
const firstSeed = Number(process.env['HEADWATER_DEMO_FIRST_SEED'] ?? Math.floor(systemRandom.next() * 1_000_000));
const silent: DemoObserver = {
  happened: () => undefined,
  actBegan: () => Promise.resolve(),
  actEnded: () => Promise.resolve(),
  ended: () => undefined,
};

describe(`the demo over ${SEED_COUNT} seeds from ${firstSeed} (repeat: HEADWATER_DEMO_FIRST_SEED=${firstSeed})`, () => {
  const seen = new Set<DamageKind>();

  for (let seed = firstSeed; seed < firstSeed + SEED_COUNT; seed += 1) {
    it(`seed ${seed}: the naive service does damage, Headwater none`, { timeout: 120_000 }, async (test) => {
      const report = await runDemo({
        seed,
        serverUrl: undefined,
        kafka: undefined,
        observer: silent,
        startedMs: systemClock.monotonicMs(),
        signal: test.signal,
      });
      test.diagnostic(describeCounts(report));
      const [naive, ...others] = report.acts;
      assert.ok(naive !== undefined);
      for (const kind of listDamage(naive)) seen.add(kind);
      assert.ok(listDamage(naive).length > 0);
      for (const act of others) {
        for (const [name, store] of Object.entries(act.stores)) {
          assert.equal(hasDamage(store), false, `act ${act.act}, ${name}: ${JSON.stringify(store.ids)}`);
        }
      }
      assert.equal(report.ok, true);
    });
  }

  it('each kind of damage occurs, by timing alone', () => {
    assert.deepEqual([...seen].sort(), [...damageKinds].sort());
  });
});

function describeCounts({ acts }: DemoReport): string {
  const counts = acts.flatMap(({ act, stores }) =>
    Object.entries(stores).map(([name, store]) => `${act} ${name} ${damageKinds.map((kind) => store[kind]).join('/')}`),
  );
  return counts.join(', ');
}
