import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import {
  type CommittedStep,
  countDamage,
  type DamageKind,
  damageKinds,
  type Effect,
  hasDamage,
  orderSteps,
} from './damage.ts';

const step = (text: string): CommittedStep => {
  const [orderId = '', name = ''] = text.split('/');
  const found = orderSteps.find((candidate) => candidate === name);
  assert.ok(found !== undefined);
  return { orderId, step: found };
};
const steps = (text: string): CommittedStep[] => text.split(' ').filter(Boolean).map(step);
const effects = (text: string): Effect[] => steps(text).map((one, index) => ({ ...one, eventId: String(index) }));

interface Case {
  readonly name: string;
  readonly committed: string;
  readonly effects: string;
  readonly expected: Partial<Record<DamageKind, readonly string[]>>;
}

const cases: readonly Case[] = [
  { name: 'nothing at all', committed: '', effects: '', expected: {} },
  { name: 'all in order', committed: 'a/placed a/paid', effects: 'a/placed a/paid', expected: {} },
  {
    name: 'orders among each other in any order',
    committed: 'a/placed b/placed a/paid b/paid',
    effects: 'b/placed b/paid a/placed a/paid',
    expected: {},
  },
  {
    name: 'a committed step without effect',
    committed: 'a/placed a/paid',
    effects: 'a/placed',
    expected: { lost: ['a/paid'] },
  },
  {
    name: 'a first step lost while the second came',
    committed: 'a/placed a/paid',
    effects: 'a/paid',
    expected: { lost: ['a/placed'] },
  },
  {
    name: 'an effect without a committed step',
    committed: 'a/placed',
    effects: 'a/placed a/paid',
    expected: { phantom: ['a/paid'] },
  },
  {
    name: 'an effect twice',
    committed: 'a/placed a/paid',
    effects: 'a/placed a/placed a/paid',
    expected: { duplicateEffects: ['a/placed'] },
  },
  {
    name: 'an effect three times',
    committed: 'a/placed',
    effects: 'a/placed a/placed a/placed',
    expected: { duplicateEffects: ['a/placed', 'a/placed'] },
  },
  {
    name: 'the older state after the newer',
    committed: 'a/placed a/paid',
    effects: 'a/paid a/placed',
    expected: { outOfOrder: ['a'] },
  },
  {
    name: 'a duplicate of the older state after the newer',
    committed: 'a/placed a/paid',
    effects: 'a/placed a/paid a/placed',
    expected: { duplicateEffects: ['a/placed'], outOfOrder: ['a'] },
  },
  {
    name: 'a phantom, twice, against the order',
    committed: '',
    effects: 'a/paid a/paid a/placed',
    expected: { phantom: ['a/paid', 'a/placed'], duplicateEffects: ['a/paid'], outOfOrder: ['a'] },
  },
  {
    name: 'every kind at once, each order counted for itself',
    committed: 'a/placed b/placed b/paid c/placed d/placed d/paid',
    effects: 'b/placed b/paid b/paid c/placed c/paid d/paid d/placed',
    expected: { lost: ['a/placed'], phantom: ['c/paid'], duplicateEffects: ['b/paid'], outOfOrder: ['d'] },
  },
];

describe('the count of damage', () => {
  for (const { name, expected, ...input } of cases) {
    it(`tells ${name}`, () => {
      const report = countDamage(steps(input.committed), effects(input.effects));
      for (const kind of damageKinds) {
        assert.deepEqual(report.ids[kind], expected[kind] ?? [], kind);
        assert.equal(report[kind], report.ids[kind].length, kind);
      }
      assert.equal(report.committed, steps(input.committed).length);
      assert.equal(report.delivered, report.committed - report.lost);
      assert.deepEqual(report.ids.effects, input.effects.split(' ').filter(Boolean));
      assert.equal(hasDamage(report), Object.keys(expected).length > 0);
    });
  }

  it('finds each single fault that is made in a faultless store', () => {
    const orderCounts = fc.integer({ min: 1, max: 20 });
    const kinds = fc.constantFrom(...damageKinds);
    fc.assert(
      fc.property(orderCounts, fc.nat(), kinds, (orderCount, choice, kind) => {
        const orders = Array.from({ length: orderCount }, (_, index) => `o${index}`);
        const committed = orders.flatMap((order) => [`${order}/placed`, `${order}/paid`]);
        const at = choice % orderCount;
        const broken = breakAt(committed, at * 2, kind);
        const report = countDamage(steps(committed.join(' ')), effects(broken.join(' ')));
        assert.deepEqual(
          damageKinds.map((each) => report[each]),
          damageKinds.map((each) => (each === kind ? 1 : 0)),
        );
      }),
    );
  });
});

function breakAt(faultless: readonly string[], index: number, kind: DamageKind): readonly string[] {
  const [placed = '', paid = ''] = faultless.slice(index, index + 2);
  switch (kind) {
    case 'lost':
      return faultless.toSpliced(index, 1);
    case 'phantom':
      return faultless.toSpliced(index, 0, 'nobody/placed');
    case 'duplicateEffects':
      return faultless.toSpliced(index, 0, placed);
    case 'outOfOrder':
      return faultless.toSpliced(index, 2, paid, placed);
  }
}
