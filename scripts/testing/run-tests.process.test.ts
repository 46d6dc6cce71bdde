import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const runner = fileURLToPath(new URL('../run-tests.ts', import.meta.url));
const imports = "import { describe, test } from 'node:test';\n";

/** Runs the real runner over a folder of test files in a process of its own. */
function runOver(
  files: Record<string, string>,
  ...args: string[]
): { code: number | null; lastLine: string; output: string } {
  const root = mkdtempSync(join(tmpdir(), 'headwater-runner-'));
  try {
    mkdirSync(join(root, 'src'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'src', name), imports + text);
    // The runner's own variables would tell the inner test processes that they are part of this run.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, [runner, '--root', root, ...args], {
      encoding: 'utf8',
      env,
    });
    return { code: status, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', output: stdout + stderr };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('ends with the counts as its last line and code 0 when all is well', () => {
  const { code, lastLine, output } = runOver({
    'a.test.ts': "test('one', () => {}); test('two', { skip: 'no server' }, () => {});",
    'b.test.ts': "describe('suite', () => { test('three', async (t) => { await t.test('four', () => {}); }); });",
  });
  assert.equal(lastLine, '3 passed, 0 failed, 1 skipped', output);
  assert.equal(code, 0);
  assert.match(output, /src\/a\.test\.ts: two \(no server\)/);
});

test('fails when a test fails, and shows its full name and error', () => {
  const { code, lastLine, output } = runOver({
    'a.test.ts':
      "test('fine', () => {}); describe('outer', () => { test('inner', () => { throw new Error('broken pipe'); }); });",
  });
  assert.equal(lastLine, '1 passed, 1 failed, 0 skipped', output);
  assert.equal(code, 1);
  assert.match(output, /outer > inner[^]*broken pipe/);
});

test('shows what a test threw, also when its disposal throws behind it', () => {
  const { output } = runOver({
    'a.test.ts': `test('inner', async () => {
      await using _ = { [Symbol.asyncDispose]: () => Promise.reject(new Error('no way to close')) };
      throw new Error('broken pipe');
    });`,
  });
  assert.match(output, /broken pipe[^]*on disposal: Error: no way to close/);
});

test('shows what a test that passes says about itself', () => {
  const { output } = runOver({
    'a.test.ts': "test('fine', (context) => { context.diagnostic('tried 7 of 7 ways'); });",
  });
  assert.match(output, /src\/a\.test\.ts {2}1 passed.*\n {7}tried 7 of 7 ways\n/);
  assert.doesNotMatch(output, /duration_ms/);
});

test('fails when no test ran at all', () => {
  const { code, lastLine } = runOver({});
  assert.equal(lastLine, '0 passed, 0 failed, 0 skipped');
  assert.equal(code, 1);
});

test('fails a file that holds no test, cannot be loaded, or exits before its tests are through', () => {
  const { code, lastLine, output } = runOver({
    'fine.test.ts': "test('fine', () => {});",
    'empty.test.ts': 'export const nothing = 0;',
    'unloadable.test.ts': "import './missing.ts';",
    'early.test.ts': "test('exits', () => process.exit(0)); test('never starts', () => {});",
  });
  assert.equal(lastLine, '1 passed, 3 failed, 0 skipped', output);
  assert.equal(code, 1);
});

test('fails a file whose suite hook throws or whose code throws outside a test', () => {
  const { code, lastLine, output } = runOver({
    'hook.test.ts':
      "import { before } from 'node:test'; describe('s', () => { before(() => { throw new Error('no'); }); test('t', () => {}); });",
    'late.test.ts': "test('fine', () => {}); process.on('exit', () => { process.exitCode = 3; });",
  });
  assert.equal(code, 1);
  assert.match(output, /FAIL src\/hook\.test\.ts/);
  assert.match(output, /FAIL src\/late\.test\.ts/);
  assert.match(lastLine, /^1 passed, /);
});

test('fails a test that is marked as todo', () => {
  const { code, lastLine } = runOver({ 'a.test.ts': "test.todo('later'); test('fine', () => {});" });
  assert.equal(lastLine, '1 passed, 1 failed, 0 skipped');
  assert.equal(code, 1);
});

test('stops a test at its time limit and names it', () => {
  const { code, lastLine, output } = runOver(
    {
      'a.test.ts': "test('hangs', () => new Promise((resolve) => setTimeout(resolve, 3_000))); test('fine', () => {});",
    },
    '--timeout-ms',
    '300',
  );
  assert.equal(lastLine, '1 passed, 1 failed, 0 skipped', output);
  assert.equal(code, 1);
  assert.match(output, /hangs\n\s+test timed out after 300ms/);
});

test('takes only tests that need nothing in the unit suite, only long ones in the long suite, only tutorials in theirs', () => {
  const files = {
    'a.test.ts': "test('pure', () => {});",
    'b.other.test.ts': "test('needs other', () => {});",
    'c.other.long.test.ts': "test('long', () => {});",
    'd.tutorial.test.ts': "test('taught', () => {});",
  };
  assert.match(runOver(files, '--suite', 'unit', '--verbose').output, /passed {2}pure\n[^]*1 passed/);
  assert.match(runOver(files, '--suite', 'long', '--verbose').output, /passed {2}long\n[^]*1 passed/);
  assert.match(runOver(files, '--suite', 'tutorial', '--verbose').output, /passed {2}taught\n[^]*1 passed/);
  assert.equal(runOver(files).lastLine, '2 passed, 0 failed, 0 skipped');
  assert.equal(runOver(files, 'b.other').lastLine, '1 passed, 0 failed, 0 skipped');
});

test('runs tests by name, and a file without a match is no failure as long as another one has it', () => {
  const files = { 'a.test.ts': "test('red', () => {});", 'b.test.ts': "test('blue', () => {});" };
  assert.deepEqual(
    { ...runOver(files, '--name', 'blue'), output: '' },
    {
      code: 0,
      lastLine: '1 passed, 0 failed, 0 skipped',
      output: '',
    },
  );
  assert.equal(runOver(files, '--name', 'green').code, 1);
});
