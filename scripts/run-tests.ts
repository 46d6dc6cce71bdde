/**
 * Runs the test files, each in a process of its own, and ends with the line `N passed, N failed, N skipped`.
 *
 *   npm test                                  everything but the long tests
 *   npm test -- src/journal --verbose         files whose path contains src/journal, each test by name
 *   npm test -- --name 'torn tail'            tests whose name matches
 *   npm run test:unit | test:long             only what needs no server | the long ones
 *   npm run test:tutorials                    the tutorials, as their pages say
 *
 * Ends with code 1 when a test failed, when a file ended early, hung or held no test, and when nothing ran at all.
 * The servers that tests share belong to this process: scripts/services/test-setup.ts starts them when a file asks, and
 * stops them at the end.
 */
import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { flows } from '../src/guarantees/flows.ts';
import { statements } from '../src/guarantees/statements.ts';
import { findUnheldClaims } from './checks/claims.ts';
import { runTestFile, type TestFileOptions, type TestFileRun } from './testing/run-test-file.ts';
import { selectTestFiles, type TestSuite } from './testing/select-test-files.ts';
import {
  countOutcomes,
  describeFailures,
  describeFile,
  describeSkipped,
  describeTotal,
} from './testing/test-report.ts';

const FOLDERS = ['src', 'lab', 'scripts', 'test'];
const TEST_TIMEOUT_MS = { unit: 20_000, everyday: 120_000, long: 1_800_000, tutorial: 900_000 } satisfies Record<
  TestSuite,
  number
>;
/** Half of a file's time passes in waiting for servers and processes, so one more runs than there are processors. */
function filesAtOnce(): number {
  return Math.min(3, availableParallelism() + 1);
}
const SETUP = 'scripts/services/test-setup.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: 'string', default: 'everyday' },
    root: { type: 'string', default: process.cwd() },
    name: { type: 'string' },
    concurrency: { type: 'string', default: String(filesAtOnce()) },
    'timeout-ms': { type: 'string' },
    results: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const suite = parseSuite(values.suite);
const root = values.root;
const files = selectTestFiles(
  globSync(
    FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
    { cwd: root },
  ),
  {
    suite,
    pathParts: positionals,
  },
);

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());

const runs = await withServices(() => runAll(files));
const { passed, failed } = countOutcomes(runs);
if (values.results !== undefined) await writeFile(values.results, JSON.stringify(runs, undefined, 2));
print(describeSkipped(runs));
print(describeFailures(runs));
if (passed + failed === 0) print('No test ran.\n');
const isWholeRun =
  suite === 'everyday' && positionals.length === 0 && values.name === undefined && root === process.cwd();
// On a machine that lacks a server its tests are skipped by name; in CI nothing may be skipped.
const heldOutcomes = process.env['CI'] === 'true' ? (['passed'] as const) : (['passed', 'skipped'] as const);
const promises = [...statements, ...flows.map(({ claims, names }) => ({ id: names.join(' '), claims }))];
const unheld = isWholeRun ? findUnheldClaims(promises, runs, heldOutcomes) : [];
for (const problem of unheld) print(`UNHELD CLAIM ${problem}\n`);
if (interrupted.signal.aborted) print('The run was interrupted.\n');
print(`${describeTotal(runs)}\n`);
process.exitCode = failed > 0 || passed === 0 || unheld.length > 0 || interrupted.signal.aborted ? 1 : 0;

async function runAll(queue: readonly string[]): Promise<TestFileRun[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'headwater-test-events-'));
  const done: TestFileRun[] = [];
  const waiting = [...queue.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !interrupted.signal.aborted; next = waiting.shift()) {
      const run = await runTestFile(next[1], planFile(join(scratch, `${next[0]}.ndjson`)));
      print(describeFile(run, values.verbose));
      done.push(run);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(values.concurrency) || 1) }, work));
  await rm(scratch, { recursive: true, force: true });
  return done;
}

function planFile(eventsPath: string): TestFileOptions {
  return {
    root,
    eventsPath,
    testTimeoutMs: Number(values['timeout-ms'] ?? TEST_TIMEOUT_MS[suite]),
    namePattern: values.name,
    signal: interrupted.signal,
  };
}

/**
 * Offers the files their servers, through the module that `node --test-global-setup` would take as well. Nothing starts
 * before a file asks for it.
 */
async function withServices<Value>(body: () => Promise<Value>): Promise<Value> {
  const [setup] = globSync(SETUP, { cwd: root });
  if (suite === 'unit' || setup === undefined) return await body();
  const { globalSetup, globalTeardown } = (await import(join(root, setup))) as GlobalSetup;
  try {
    await globalSetup();
    return await body();
  } finally {
    await globalTeardown();
  }
}

type GlobalSetup = { readonly globalSetup: () => Promise<void>; readonly globalTeardown: () => Promise<void> };

function parseSuite(name: string): TestSuite {
  if (name === 'unit' || name === 'everyday' || name === 'long' || name === 'tutorial') return name;
  throw new RangeError(`--suite is unit, everyday, long or tutorial, not ${name}`);
}

function print(text: string): void {
  process.stdout.write(text);
}
