import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { type AttemptEnd, decideRepeat, type RepeatBudget } from './decide-repeat.ts';

const budget: RepeatBudget = { attempt: 1, attemptsMax: 3, remainingMs: 10_000, delayMs: 40 };
const unanswered: AttemptEnd = { kind: 'unanswered' };

function answered(status: number, retryAfterMs?: number): AttemptEnd {
  return { kind: 'answered', status, retryAfterMs };
}

describe('whether a request is sent again', () => {
  it('is never so for what may not be repeated', () => {
    for (const end of [unanswered, answered(503, 0), answered(429)]) {
      assert.equal(decideRepeat('never', end, budget), undefined);
    }
  });

  it('is so without an answer, and for answers that say "later"', () => {
    const later = [408, 425, 429, 500, 502, 503, 504].map((status) => answered(status));
    for (const may of ['always', 'with-the-same-key'] as const) {
      for (const end of [unanswered, answered(409, 0), ...later]) assert.equal(decideRepeat(may, end, budget), 40);
    }
  });

  it('is not so for every other answer', () => {
    for (const status of [200, 201, 301, 400, 401, 404, 409, 413, 422, 501, 505]) {
      assert.equal(decideRepeat('always', answered(status), budget), undefined, String(status));
    }
  });

  it('waits as long as the answer asks, and gives up where that is longer than the time that is left', () => {
    assert.equal(decideRepeat('always', answered(503, 3000), budget), 3000);
    assert.equal(decideRepeat('always', answered(503, 10_000), budget), undefined);
    assert.equal(decideRepeat('always', unanswered, { ...budget, remainingMs: 40 }), undefined);
  });

  it('ends with the last attempt', () => {
    assert.equal(decideRepeat('always', unanswered, { ...budget, attempt: 2 }), 40);
    assert.equal(decideRepeat('always', unanswered, { ...budget, attempt: 3 }), undefined);
  });
});
