import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const starter = fileURLToPath(new URL('pinned-node.mjs', import.meta.url));
/** What an older Node looks like to the starter: no `execve`, and its version. */
const withoutExecve = 'data:text/javascript,delete process.execve';
const olderNode = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"24.5.9"}})';

function start(args: readonly string[], preload?: string): { code: number | null; stdout: string; stderr: string } {
  const flags = preload === undefined ? [] : ['--import', preload];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, ...args], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

for (const [way, preload] of [
  ['in place', undefined],
  ['as a child', withoutExecve],
] as const) {
  test(`passes arguments and the exit code on, ${way}`, () => {
    const program = 'console.log(process.argv[1]); process.exitCode = 7';
    assert.deepEqual(start([starter, '--eval', program, 'two words'], preload), {
      code: 7,
      stdout: 'two words\n',
      stderr: '',
    });
  });

  test(`gives children the same Node under the name node, ${way}`, () => {
    const program =
      'console.log(process.execPath === require("node:child_process").execSync("command -v node").toString().trim())';
    assert.equal(start([starter, '--eval', program], preload).stdout, 'true\n');
  });

  test(`runs a tool of node_modules by its name, ${way}`, () => {
    assert.match(start([starter, 'tsc', '--version'], preload).stdout, /^Version 7\./);
  });

  test(`ends by the signal that it was sent, ${way}`, async () => {
    const program = 'process.on("SIGTERM", () => process.exit(5)); setInterval(() => {}, 1000); console.log("ready")';
    const flags = preload === undefined ? [] : ['--import', preload];
    const child = spawn(process.execPath, [...flags, starter, '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [5, null]);
  });
}

test('refuses in one sentence what does not exist', () => {
  const { code, stderr } = start([starter, 'no-such-tool']);
  assert.equal(code, 1);
  assert.equal(stderr, 'pinned-node: node_modules/.bin has no no-such-tool; run `npm ci`\n');
  assert.equal(start([starter]).code, 1);
});

test('never runs on an older Node: where no pinned one is installed, it says so and ends with code 1', () => {
  const root = mkdtempSync(join(tmpdir(), 'headwater-pinned-'));
  try {
    mkdirSync(join(root, 'scripts'));
    copyFileSync(starter, join(root, 'scripts/pinned-node.mjs'));
    writeFileSync(join(root, 'program.mjs'), 'console.log("ran");\n');
    const args = [join(root, 'scripts/pinned-node.mjs'), join(root, 'program.mjs')];
    const older = start(args, olderNode);
    assert.equal(older.code, 1);
    assert.equal(older.stdout, '');
    assert.match(older.stderr, /needs Node 24\.6 or newer, node 24\.5\.9 is running, and no pinned Node for/);
    assert.deepEqual(start(args), { code: 0, stdout: 'ran\n', stderr: '' });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
