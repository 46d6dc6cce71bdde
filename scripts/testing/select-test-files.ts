/**
 * Which tests a run takes. `unit`: those that need nothing but Node. `everyday`: all but the long ones and the tutorials, which
 * install packages from the registry.
 */
export type TestSuite = 'unit' | 'everyday' | 'long' | 'tutorial';

export type Selection = {
  readonly suite: TestSuite;
  /** Parts of paths; a file is taken when it contains one of them. None: every file of the suite. */
  readonly pathParts: readonly string[];
};

/**
 * The words between a test file's subject and `.test.ts`: what it needs. `lane.pg.test.ts` needs PostgreSQL, `x.kafka.test.ts`
 * Kafka, `x.long.test.ts` time; `lane.test.ts` needs nothing.
 */
export function readNeeds(path: string): string[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name
    .replace(/\.test\.ts$/, '')
    .split('.')
    .slice(1);
}

/** The files of a run, those of the lab and those that need servers first: they take longest, and would otherwise end the run alone. */
export function selectTestFiles(paths: readonly string[], { suite, pathParts }: Selection): string[] {
  const isWanted = (path: string): boolean => pathParts.length === 0 || pathParts.some((part) => path.includes(part));
  const selected = paths.filter((path) => belongsTo(suite, readNeeds(path)) && isWanted(path));
  const weigh = (path: string): number => (path.startsWith('lab/') ? 1 : 0) + readNeeds(path).length;
  return selected.toSorted((a, b) => weigh(b) - weigh(a) || (a < b ? -1 : 1));
}

function belongsTo(suite: TestSuite, needs: readonly string[]): boolean {
  if (suite === 'unit') return needs.length === 0;
  if (suite === 'everyday') return !needs.includes('long') && !needs.includes('tutorial');
  return needs.includes(suite);
}
