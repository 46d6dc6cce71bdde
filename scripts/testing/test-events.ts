/** One line that the reporter inside a test process writes: the part of a `node:test` event that a verdict needs. */
export type TestEvent =
  | {
      readonly kind: 'result';
      readonly name: string;
      readonly nesting: number;
      readonly isSuite: boolean;
      readonly isPassed: boolean;
      readonly skipReason: string | undefined;
      readonly isTodo: boolean;
      readonly durationMs: number;
      readonly failure: string | undefined;
      /** True when the only thing wrong with a suite or test is what is inside it, which is reported by itself. */
      readonly isFailedByChildren: boolean;
    }
  /** What a test says about itself by `context.diagnostic`. */
  | { readonly kind: 'remark'; readonly text: string }
  | { readonly kind: 'ended' };

export type TestResult = {
  /** The names from the outermost suite to the test, joined by ` > `. */
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
  /** The stack of a failed test, the reason of a skipped one. */
  readonly explanation: string;
};

/** How the process of one test file ended. */
export type ProcessEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'stuck'; readonly quietMs: number };

/**
 * The verdicts of one test file. A file that ended early, hung, held no test or failed outside its tests gets a failed
 * result of its own, so that nothing is lost in a process that died with a zero exit code. Under a name filter a file may
 * be left without a test.
 */
export function judgeTestFile(events: readonly TestEvent[], end: ProcessEnd, isFiltered: boolean): TestResult[] {
  const results = nameResults(events);
  const trouble =
    findTrouble(events, results, end) ?? (results.length > 0 || isFiltered ? undefined : 'it holds no test');
  if (trouble !== undefined) {
    results.push({ name: 'the file as a whole', outcome: 'failed', durationMs: 0, explanation: trouble });
  }
  return results;
}

function findTrouble(
  events: readonly TestEvent[],
  results: readonly TestResult[],
  end: ProcessEnd,
): string | undefined {
  if (end.kind === 'stuck') {
    const last = results.at(-1)?.name ?? 'none';
    return `nothing happened for ${end.quietMs} ms, so it was killed; last finished test: ${last}. A handle may be left open.`;
  }
  if (end.kind === 'killed') return `its process was killed by ${end.signal}`;
  if (!events.some((event) => event.kind === 'ended')) {
    return `its process ended with code ${end.code} before its tests were through, or it holds no test`;
  }
  const hasFailure = results.some((result) => result.outcome === 'failed');
  if (end.code !== 0 && !hasFailure) return `its process ended with code ${end.code}, though no test failed`;
  return undefined;
}

/** Children are reported before their parents: they wait, by depth, until the parent's name is known. */
function nameResults(events: readonly TestEvent[]): TestResult[] {
  const waiting: TestResult[][] = [];
  for (const event of events) {
    if (event.kind !== 'result') continue;
    const children = waiting[event.nesting + 1] ?? [];
    const own = judgeTest(event);
    const named = children.map((child) => ({ ...child, name: `${event.name} > ${child.name}` }));
    waiting[event.nesting + 1] = [];
    (waiting[event.nesting] ??= []).push(...named, ...(own === undefined ? [] : [own]));
  }
  // Deeper levels are left over when the process ended before the parent did.
  return waiting.flat();
}

function judgeTest(event: TestEvent & { kind: 'result' }): TestResult | undefined {
  const { name, durationMs } = event;
  if (event.isTodo) {
    return { name, durationMs, outcome: 'failed', explanation: 'marked as todo: finish the test or delete it' };
  }
  if (event.skipReason !== undefined) {
    return { name, durationMs, outcome: 'skipped', explanation: event.skipReason };
  }
  if (event.isPassed) return event.isSuite ? undefined : { name, durationMs, outcome: 'passed', explanation: '' };
  if (event.isSuite && event.isFailedByChildren) return undefined;
  return { name, durationMs, outcome: 'failed', explanation: event.failure ?? 'no error was reported' };
}
