import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { initialReadHabit, planNextRead, type FinishedRead, type ReadHabit } from './read-habit.ts';

describe('read habit', () => {
  test('an idle stream is never paused: not for a message, nor for three parts of one every two milliseconds', () => {
    let habit: ReadHabit = initialReadHabit;
    for (let transaction = 0; transaction < 500; transaction += 1) {
      for (const part of [0, 0.05, 0.1]) {
        const plan = planNextRead(habit, { nowMs: transaction * 2 + part, byteCount: 120, isFull: false });
        assert.equal(plan.pauseMs, 0);
        habit = plan.habit;
      }
    }
  });

  test('a stream that wakes its reader for every message is paused after a few of them', () => {
    const pauses = follow(
      Array.from({ length: 10 }, (_, index) => ({ nowMs: index * 0.02, byteCount: 200, isFull: false })),
    );
    assert.deepEqual(pauses.indexOf(1), 7);
  });

  test('much data at once makes it busy, a full buffer is read on without a pause, and a small gathering ends it', () => {
    const pauses = follow([
      { nowMs: 0, byteCount: 60_000, isFull: false },
      { nowMs: 1, byteCount: 400_000, isFull: true },
      { nowMs: 1.1, byteCount: 30_000, isFull: false },
      { nowMs: 2.2, byteCount: 100, isFull: false },
      { nowMs: 2.3, byteCount: 100, isFull: false },
    ]);
    assert.deepEqual(pauses, [1, 0, 2, 0, 0]);
  });

  test('a flood is read at ever longer pauses, up to 32 ms, and soon at short ones again when it ebbs', () => {
    const flood = Array.from({ length: 7 }, (_, index) => ({ nowMs: index * 33, byteCount: 500_000, isFull: false }));
    const ebb = Array.from({ length: 6 }, (_, index) => ({ nowMs: 250 + index * 33, byteCount: 3000, isFull: false }));
    assert.deepEqual(follow([...flood, ...ebb]), [1, 2, 4, 8, 16, 32, 32, 16, 8, 4, 2, 1, 1]);
  });
});

function follow(reads: readonly FinishedRead[]): number[] {
  let habit: ReadHabit = initialReadHabit;
  return reads.map((read) => {
    const plan = planNextRead(habit, read);
    habit = plan.habit;
    return plan.pauseMs;
  });
}
