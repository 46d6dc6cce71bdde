import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { type CommittedStep, countDamage, type DamageKind, damageKinds, type Effect } from './damage.ts';
import { type ActNumber, type ActReport, countKills, isProven, listDamage } from './demo-report.ts';
import { pickExamples } from './describe-damage.ts';
import { summarizeOutage } from './outage-report.ts';

const placed: CommittedStep = { orderId: 'a', step: 'placed' };
const paid: CommittedStep = { orderId: 'a', step: 'paid' };
const committed = [placed, paid];
const effectsBy: Readonly<Record<DamageKind | 'none', readonly CommittedStep[]>> = {
  none: [placed, paid],
  lost: [placed],
  phantom: [placed, paid, { orderId: 'b', step: 'paid' }],
  duplicateEffects: [placed, paid, paid],
  outOfOrder: [paid, placed],
};

function createAct(
  act: ActNumber,
  damage: DamageKind | 'none',
  steps: readonly CommittedStep[] = committed,
): ActReport {
  const effects: Effect[] = effectsBy[damage].map((step, index) => ({ ...step, eventId: String(index) }));
  const other: Effect[] = steps.map((step, index) => ({ ...step, eventId: String(index) }));
  return {
    act,
    committed: steps.map(({ orderId, step }) => `${orderId}/${step}`),
    stores: { other: countDamage(steps, other), store: countDamage(steps, steps.length === 0 ? [] : effects) },
    kills: act === 3 ? [] : [{ program: 'order service', atMs: 1 }],
    repetitions: 0,
    requests: { answered: 2, failed: 0 },
  };
}

describe('the verdict of the demo', () => {
  for (const kind of damageKinds) {
    it(`is good after ${kind} in act 1 alone, and bad after it in act 2 or 3`, () => {
      assert.equal(isProven([createAct(1, kind), createAct(2, 'none'), createAct(3, 'none')]), true);
      assert.equal(isProven([createAct(1, kind), createAct(2, kind), createAct(3, 'none')]), false);
      assert.equal(isProven([createAct(1, kind), createAct(2, 'none'), createAct(3, kind)]), false);
      assert.deepEqual(listDamage(createAct(1, kind)), [kind]);
    });

    it(`shows what both systems say about an order with ${kind}`, () => {
      const examples = pickExamples(createAct(1, kind));
      assert.equal(examples.length, 1);
      const [example] = examples;
      assert.equal(example?.kind, kind);
      assert.equal(example?.store, 'store');
      assert.notEqual(example?.primary, example?.storeSays);
    });
  }

  it('is bad when the negative control did no damage', () => {
    assert.equal(isProven([createAct(1, 'none'), createAct(2, 'none'), createAct(3, 'none')]), false);
  });

  it('is bad when an act is missing, or when nothing was committed', () => {
    assert.equal(isProven([createAct(1, 'lost'), createAct(2, 'none')]), false);
    assert.equal(isProven([]), false);
    assert.equal(isProven([createAct(1, 'lost'), createAct(2, 'none', []), createAct(3, 'none')]), false);
  });

  it('counts the kills of all acts by program', () => {
    assert.deepEqual(countKills([createAct(1, 'lost'), createAct(2, 'none'), createAct(3, 'none')]), {
      'order service': 2,
    });
  });
});

describe('the report of an outage', () => {
  it('keeps the requests before and during it apart, and leaves out those after it', () => {
    const answer = (beganMs: number, durationMs: number) => ({ path: '/orders' as const, beganMs, durationMs });
    const before = Array.from({ length: 100 }, (_, index) => answer(900 - index, index + 1));
    const during = [answer(1000, 7), answer(1999, 9)];
    const outage = { beginMs: 1000, endMs: 2000, caughtUpMs: 2345 };
    assert.deepEqual(summarizeOutage(outage, [...before, ...during, answer(2000, 500)]), {
      seconds: 1,
      latency: {
        before: { requests: 100, p50Ms: 50, p99Ms: 99 },
        during: { requests: 2, p50Ms: 7, p99Ms: 9 },
      },
      caughtUpSeconds: 0.345,
    });
  });
});
