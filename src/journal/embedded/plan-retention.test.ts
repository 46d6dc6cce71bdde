import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { toSequence } from '../../model/position.ts';
import { planRetention, type RetentionInput, type SealedSegment } from './plan-retention.ts';

/** Segments of ten transactions and 100 bytes each; the `n`th was sealed at `1000 n` ms. */
function segmentsOf(count: number): readonly SealedSegment[] {
  return Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    firstSequence: toSequence(BigInt(10 * index + 1)),
    lastSequence: toSequence(BigInt(10 * index + 10)),
    byteCount: 100,
    sealedMs: 1000 * (index + 1),
  }));
}

const base: RetentionInput = {
  sealed: segmentsOf(5),
  byteCount: 550,
  headroomByteCount: 0,
  lanes: [],
  policy: { minimumAgeMs: 0, maxByteCount: 10_000, atLimit: 'stop-capture' },
  nowMs: 10_000,
};
const laneAt = (name: string, sequence: number): RetentionInput['lanes'][number] => ({
  name,
  sequence: toSequence(BigInt(sequence)),
});
const removed = (input: RetentionInput): readonly (readonly [number, string])[] =>
  planRetention(input).removals.map(({ segment, reason }) => [segment.number, reason] as const);

describe('retention', () => {
  it('keeps a segment until every lane has passed it', () => {
    assert.deepEqual(removed({ ...base, lanes: [laneAt('fast', 50), laneAt('slow', 20)] }), [
      [1, 'aged'],
      [2, 'aged'],
    ]);
    assert.deepEqual(removed({ ...base, lanes: [laneAt('slow', 9)] }), []);
  });

  it('keeps a segment until its minimum age is over', () => {
    const policy = { ...base.policy, minimumAgeMs: 8000 };
    assert.deepEqual(removed({ ...base, policy }), [
      [1, 'aged'],
      [2, 'aged'],
    ]);
  });

  it('gives up the minimum age, but no lane, at the limit', () => {
    const policy = { ...base.policy, minimumAgeMs: 1_000_000, maxByteCount: 400 };
    const plan = planRetention({ ...base, policy, lanes: [laneAt('slow', 10)] });
    assert.deepEqual(
      plan.removals.map(({ segment, reason }) => [segment.number, reason]),
      [[1, 'limit']],
    );
    assert.equal(plan.mayCapture, false);
    assert.deepEqual(plan.blockingLanes, ['slow']);
    assert.deepEqual(plan.detachments, []);
    assert.equal(plan.usedRatio, 450 / 400);
  });

  it('stops only as many removals as the limit needs', () => {
    const policy = { ...base.policy, minimumAgeMs: 1_000_000, maxByteCount: 400 };
    const plan = planRetention({ ...base, policy });
    assert.equal(plan.removals.length, 2);
    assert.equal(plan.mayCapture, true);
  });

  it('counts what may be appended before the next look', () => {
    const policy = { ...base.policy, minimumAgeMs: 1_000_000, maxByteCount: 600 };
    assert.equal(planRetention({ ...base, policy, headroomByteCount: 50 }).removals.length, 0);
    assert.equal(planRetention({ ...base, policy, headroomByteCount: 51 }).removals.length, 1);
  });

  it('detaches the slowest lanes at the limit when that is the policy, and says what they lose', () => {
    const policy = { ...base.policy, minimumAgeMs: 1_000_000, maxByteCount: 400, atLimit: 'detach-lane' } as const;
    const plan = planRetention({
      ...base,
      policy,
      lanes: [laneAt('slow', 3), laneAt('middle', 15), laneAt('fast', 50)],
    });
    assert.deepEqual(
      plan.removals.map(({ segment, reason }) => [segment.number, reason]),
      [
        [1, 'detached'],
        [2, 'detached'],
      ],
    );
    assert.deepEqual(plan.detachments, [
      { lane: 'slow', firstLost: 4n, lastLost: 20n },
      { lane: 'middle', firstLost: 16n, lastLost: 20n },
    ]);
    assert.equal(plan.mayCapture, true);
  });

  it('never takes from a lane what it needs, unless the lane is named as detached', () => {
    const input = fc.record({
      lanes: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 4 }),
      maxByteCount: fc.integer({ min: 50, max: 800 }),
      minimumAgeMs: fc.integer({ min: 0, max: 12_000 }),
      headroomByteCount: fc.integer({ min: 0, max: 200 }),
      atLimit: fc.constantFrom('stop-capture' as const, 'detach-lane' as const),
    });
    fc.assert(
      fc.property(input, ({ lanes, headroomByteCount, ...policy }) => {
        const named = lanes.map((sequence, index) => laneAt(`lane-${index}`, sequence));
        const plan = planRetention({ ...base, lanes: named, headroomByteCount, policy });
        const last = plan.removals.at(-1)?.segment.lastSequence ?? 0n;
        const losing = named.filter((lane) => lane.sequence < last).map(({ name }) => name);
        assert.deepEqual(plan.detachments.map(({ lane }) => lane).toSorted(), losing.toSorted());
        if (policy.atLimit === 'stop-capture') assert.deepEqual(losing, []);
        assert.deepEqual(
          plan.removals.map(({ segment }) => segment.number),
          base.sealed.slice(0, plan.removals.length).map(({ number }) => number),
        );
        if (plan.detachments.length > 0 || !plan.mayCapture)
          assert.ok(base.byteCount + headroomByteCount > policy.maxByteCount);
      }),
    );
  });
});
