import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { decideAfterConflict, judgeCommitAnswer } from './transaction-decisions.ts';

const policy = { initialDelayMs: 10, maxDelayMs: 40, maxAttempts: 4, budgetMs: 100 };

describe('a transaction that met others', () => {
  it('is run again after a delay that grows up to its limit', () => {
    const delays = [1, 2, 3].map((count) => decideAfterConflict(policy, { count, elapsedMs: 0, chance: 0.5 }));
    assert.deepEqual(delays, [
      { kind: 'again', delayMs: 5 },
      { kind: 'again', delayMs: 10 },
      { kind: 'again', delayMs: 20 },
    ]);
  });

  it('is given up with its last attempt, and when the next one would begin too late', () => {
    assert.equal(decideAfterConflict(policy, { count: 4, elapsedMs: 0, chance: 0 }).kind, 'used-up');
    assert.equal(decideAfterConflict(policy, { count: 1, elapsedMs: 94, chance: 0.5 }).kind, 'again');
    assert.equal(decideAfterConflict(policy, { count: 1, elapsedMs: 95, chance: 0.5 }).kind, 'used-up');
    assert.equal(
      decideAfterConflict({ ...policy, budgetMs: 0 }, { count: 1, elapsedMs: 0, chance: 0 }).kind,
      'used-up',
    );
  });
});

describe('an answer to COMMIT', () => {
  it('tells of a commit by its own name and by no other', () => {
    assert.equal(judgeCommitAnswer('COMMIT'), 'committed');
    for (const tag of ['ROLLBACK', 'SELECT', '']) assert.equal(judgeCommitAnswer(tag), 'rolled-back');
    assert.equal(judgeCommitAnswer(undefined), 'hidden');
  });
});
