import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { statements } from '../../src/guarantees/statements.ts';
import type { TestResult } from '../testing/test-events.ts';
import { findUnheldClaims } from './claims.ts';

function result(name: string, outcome: TestResult['outcome']): TestResult {
  return { name, outcome, durationMs: 1, explanation: '' };
}

describe('claims of guarantee statements', () => {
  const held = statements.flatMap(({ claims }) => claims.map(({ heldBy }) => result(heldBy, 'passed')));
  const [first] = held;

  it('are held when every named test has passed', () => {
    assert.deepEqual(findUnheldClaims(statements, [{ results: held }]), []);
  });

  it('fall when their test failed, was skipped or is gone', () => {
    assert.ok(first !== undefined);
    for (const results of [[], [result(first.name, 'failed')], [result(first.name, 'skipped')]]) {
      const problems = findUnheldClaims(statements, [{ results: [...results, ...held.slice(1)] }]);
      assert.ok(problems.some((problem) => problem.includes(first.name)));
    }
  });

  it('may not be missing from a statement', () => {
    const bare = statements.map((statement) => ({ ...statement, claims: [] }));
    assert.equal(findUnheldClaims(bare, []).length, statements.length);
  });
});
