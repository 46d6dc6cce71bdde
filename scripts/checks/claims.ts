import type { GuaranteeStatement } from '../../src/model/guarantee.ts';
import type { TestFileRun } from '../testing/run-test-file.ts';
import type { TestResult } from '../testing/test-events.ts';

/**
 * What is wrong with the claims of guarantee statements after a whole run: a statement without one, or a claim whose test did
 * not pass in this run. Where a server cannot be had its tests are skipped, and the caller decides whether that counts as
 * held. Empty when every claim is held. Pure.
 */
export function findUnheldClaims(
  statements: readonly Pick<GuaranteeStatement, 'id' | 'claims'>[],
  runs: readonly Pick<TestFileRun, 'results'>[],
  heldOutcomes: readonly TestResult['outcome'][] = ['passed'],
): readonly string[] {
  const passed = new Set(
    runs.flatMap(({ results }) =>
      results.filter(({ outcome }) => heldOutcomes.includes(outcome)).map(({ name }) => name),
    ),
  );
  return statements.flatMap((statement) => {
    if (statement.claims.length === 0) return [`the statement "${statement.id}" makes no claim that a test holds`];
    return statement.claims
      .filter(({ heldBy }) => !passed.has(heldBy))
      .map(({ text, heldBy }) => `"${statement.id}" claims: ${text} No passing test is called "${heldBy}".`);
  });
}
