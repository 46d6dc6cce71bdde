import assert from 'node:assert/strict';
import { test } from 'node:test';

import { planSoak, soakPhases } from './soak-plan.ts';

const runMs = 120_000;

test('draws the same run from the same seed: every target struck, Headwater left alone after the restart that mends', () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const plan = planSoak(seed, runMs);
    assert.deepEqual(planSoak(seed, runMs), plan);
    assert.deepEqual(
      plan,
      plan.toSorted((one, other) => one.atMs - other.atMs),
    );
    const struck = plan.flatMap((step) => (step.kind === 'disturb' ? [step] : []));
    const headwater = struck.filter(({ target }) => target === 'headwater');
    assert.ok(headwater.some(({ how }) => how === 'kill') && headwater.some(({ how }) => how === 'stop'));
    assert.ok(headwater.every(({ atMs }) => atMs <= runMs * soakPhases.mendAt));
    assert.equal(new Set(struck.map(({ target }) => target)).size, 8, `seed ${seed}`);
  }
});

test('poisons before each mend and once more at the end', () => {
  const plan = planSoak(7, runMs);
  const mends = plan.flatMap((step) => (step.kind === 'mend' ? [step.atMs] : []));
  const poisons = plan.flatMap((step) => (step.kind === 'poison' ? [step.atMs] : []));
  const bounds = [0, ...mends, runMs];
  for (const [index, end] of bounds.slice(1).entries())
    assert.ok(poisons.some((atMs) => atMs > (bounds[index] ?? 0) && atMs < end));
});
