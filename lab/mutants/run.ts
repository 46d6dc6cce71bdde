/**
 * `npm run test:mutants`: applies each planted bug in this folder to a copy of the repository and runs the tests that must
 * notice it, two at a time. A bug that nobody notices, a patch that no longer applies, and a test that is red without the bug are failures.
 *
 *   npm run test:mutants                 all
 *   npm run test:mutants -- torn         those whose file name contains a word
 *
 * A mutant is a `.patch` file (`git diff` form) with a head: what is planted, and one line `Caught-by: FILE :: TEST NAME`
 * for the test that must turn red.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { TestFileRun } from '../../scripts/testing/run-test-file.ts';

const run = promisify(execFile);
const root = process.cwd();
const folder = join(root, 'lab', 'mutants');
const copied = ['src', 'scripts', 'lab', 'test', 'package.json', 'tsconfig.json', 'tools'];

interface Mutant {
  readonly name: string;
  readonly patch: string;
  readonly testFile: string;
  readonly testName: string;
}

type Verdict = { readonly kind: 'caught' } | { readonly kind: 'missed'; readonly why: string };

const words = process.argv.slice(2);
const mutants = (await readMutants()).filter(({ name }) => words.every((word) => name.includes(word)));
/** What each test says without a bug, by file and name: many mutants share a test. */
const verdictsWithoutBug = new Map<string, Promise<TestVerdict>>();
let passed = 0;
let failed = 0;
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
process.stdout.write(`${passed} passed, ${failed} failed, 0 skipped\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** Judges mutants, one after the other, until none is left. */
async function work(): Promise<void> {
  for (let mutant = mutants.shift(); mutant !== undefined; mutant = mutants.shift()) {
    const verdict = await judge(mutant).catch((error: unknown): Verdict => ({ kind: 'missed', why: String(error) }));
    if (verdict.kind === 'caught') passed += 1;
    else failed += 1;
    const detail = verdict.kind === 'caught' ? `caught by "${mutant.testName}"` : verdict.why;
    process.stdout.write(`${verdict.kind === 'caught' ? 'ok  ' : 'FAIL'} ${mutant.name}: ${detail}\n`);
  }
}

async function readMutants(): Promise<Mutant[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.patch')).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const patch = await readFile(join(folder, name), 'utf8');
      const match = /^Caught-by: (\S+) :: (.+)$/m.exec(patch);
      if (match?.[1] === undefined || match[2] === undefined)
        throw new Error(`${name} has no line "Caught-by: FILE :: TEST"`);
      return { name: name.replace(/\.patch$/, ''), patch: join(folder, name), testFile: match[1], testName: match[2] };
    }),
  );
}

/** Green without the bug and red with it, or the mutant proves nothing. */
async function judge(mutant: Mutant): Promise<Verdict> {
  const key = `${mutant.testFile} :: ${mutant.testName}`;
  const before = verdictsWithoutBug.get(key) ?? inCopy((copy) => runTest(copy, mutant));
  verdictsWithoutBug.set(key, before);
  const { isGreen, output } = await before;
  if (!isGreen) return { kind: 'missed', why: `the test is red without the bug\n${output}` };
  return await inCopy(async (copy) => {
    try {
      await run('git', ['apply', '--whitespace=nowarn', '-C1', mutant.patch], { cwd: copy });
    } catch (error) {
      return { kind: 'missed', why: `the patch does not apply: ${String(error)}` };
    }
    const after = await runTest(copy, mutant);
    return after.isGreen ? { kind: 'missed', why: `"${mutant.testName}" stays green` } : { kind: 'caught' };
  });
}

async function inCopy<Result>(act: (copy: string) => Promise<Result>): Promise<Result> {
  const copy = await mkdtemp(join(tmpdir(), 'headwater-mutant-'));
  try {
    for (const name of copied) await cp(join(root, name), join(copy, name), { recursive: true });
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    return await act(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

interface TestVerdict {
  readonly isGreen: boolean;
  readonly output: string;
}

/** Runs the one test and reads its own verdict: a copy that does not even load has caught nothing. */
async function runTest(copy: string, mutant: Mutant): Promise<TestVerdict> {
  const results = join(copy, 'results.json');
  const pattern = mutant.testName.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  const args = ['scripts/run-tests.ts', mutant.testFile, '--name', pattern, '--results', results];
  const { stdout } = await run(process.execPath, args, { cwd: copy, maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: unknown): { stdout: string } => {
      if (error instanceof Error && 'stdout' in error) return { stdout: String(error.stdout) };
      throw error;
    },
  );
  const runs = JSON.parse(await readFile(results, 'utf8')) as readonly TestFileRun[];
  const own = runs.flatMap((file) => file.results).filter((result) => result.name.endsWith(mutant.testName));
  const outcomes = new Set(own.map((result) => result.outcome));
  if (!outcomes.has('passed') && !outcomes.has('failed')) {
    throw new Error(`${mutant.name}: "${mutant.testName}" did not run in ${mutant.testFile}\n${stdout.slice(-2000)}`);
  }
  return { isGreen: !outcomes.has('failed'), output: stdout.slice(-2000) };
}
