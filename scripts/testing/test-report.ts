import type { TestFileRun } from './run-test-file.ts';
import type { TestResult } from './test-events.ts';

export type OutcomeCount = { readonly passed: number; readonly failed: number; readonly skipped: number };

const NAMED_SKIPS_MAX = 40;

export function countOutcomes(runs: readonly TestFileRun[]): OutcomeCount {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { results } of runs) for (const { outcome } of results) count[outcome] += 1;
  return count;
}

/** The last line of a run, which other programs read. */
export function describeTotal(runs: readonly TestFileRun[]): string {
  const { passed, failed, skipped } = countOutcomes(runs);
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** One line per file as it ends, and one for each remark of its tests; with `isVerbose` one more per test. */
export function describeFile(run: TestFileRun, isVerbose: boolean): string {
  const { passed, failed, skipped } = countOutcomes([run]);
  const mark = failed > 0 ? 'FAIL' : 'ok  ';
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  const line = `${mark} ${run.file}  ${counts.filter(Boolean).join(', ')} (${describeDuration(run.durationMs)})\n`;
  const remarks = run.remarks.map((remark) => `       ${remark}\n`).join('');
  if (!isVerbose) return line + remarks;
  return line + remarks + run.results.map((result) => `       ${result.outcome.padEnd(8)}${result.name}\n`).join('');
}

/** Every failed test with its file and error, and the output of the files that failed. Empty when none did. */
export function describeFailures(runs: readonly TestFileRun[]): string {
  return runs
    .map((run) => ({ run, failed: selectOutcome(run, 'failed') }))
    .filter(({ failed }) => failed.length > 0)
    .map(({ run, failed }) => {
      const errors = failed.map((result) => `\n  ${result.name}\n${indent(result.explanation)}\n`).join('');
      const output = run.output.trim() === '' ? '' : `\n  output:\n${indent(run.output.trimEnd())}\n`;
      return `\nFAILED ${run.file}\n${errors}${output}`;
    })
    .join('');
}

/** The skipped tests by reason, so that nothing is left out unseen. */
export function describeSkipped(runs: readonly TestFileRun[]): string {
  const skipped = runs.flatMap((run) => selectOutcome(run, 'skipped').map((result) => ({ file: run.file, result })));
  if (skipped.length === 0) return '';
  const lines = skipped.slice(0, NAMED_SKIPS_MAX).map(({ file, result }) => {
    const reason = result.explanation === 'true' ? 'no reason given' : result.explanation;
    return `  ${file}: ${result.name} (${reason})\n`;
  });
  const rest = skipped.length - lines.length;
  return `\nSKIPPED\n${lines.join('')}${rest > 0 ? `  and ${rest} more\n` : ''}`;
}

function selectOutcome(run: TestFileRun, outcome: TestResult['outcome']): TestResult[] {
  return run.results.filter((result) => result.outcome === outcome);
}

function describeDuration(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
