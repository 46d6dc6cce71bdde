import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The rules that the repository's own configuration finds broken when a file at `path` holds `text`. */
function brokenRules(path: string, text: string): string[] {
  const scratch = mkdtempSync(join(tmpdir(), 'headwater-lint-'));
  try {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
      copyFileSync(join(root, name), join(scratch, name));
    symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));
    mkdirSync(dirname(join(scratch, path)), { recursive: true });
    writeFileSync(join(scratch, path), text);
    const tool = join(root, 'node_modules/oxlint/bin/oxlint');
    const { stdout, stderr } = spawnSync(process.execPath, [tool, '--format', 'json', 'src'], {
      cwd: scratch,
      encoding: 'utf8',
    });
    assert.ok(stdout.startsWith('{'), stdout + stderr);
    const report = JSON.parse(stdout) as { diagnostics: { code: string }[]; number_of_files: number };
    assert.ok(report.number_of_files >= 1, 'the tool saw the file');
    return [...new Set(report.diagnostics.map(({ code }) => code.replace(/^.*\((.*)\)$/, '$1')))].toSorted();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const ambient: readonly (readonly [what: string, text: string, rule: string])[] = [
  ['Date.now', 'export const a = Date.now();\n', 'no-restricted-properties'],
  ['performance', 'export const a = performance.now();\n', 'no-restricted-globals'],
  ['setTimeout', 'export const a = setTimeout(() => undefined, 1);\n', 'no-restricted-globals'],
  ['setInterval', 'export const a = setInterval(() => undefined, 1);\n', 'no-restricted-globals'],
  ['setImmediate', 'export const a = setImmediate(() => undefined);\n', 'no-restricted-globals'],
  [
    'node:timers',
    "import { setTimeout as wait } from 'node:timers';\nexport const a = wait;\n",
    'no-restricted-imports',
  ],
  ['node:timers/promises', "export { setTimeout as a } from 'node:timers/promises';\n", 'no-restricted-imports'],
  ['Math.random', 'export const a = Math.random();\n', 'no-restricted-properties'],
  ['crypto.randomUUID', 'export const a = crypto.randomUUID();\n', 'no-restricted-globals'],
  [
    'randomUUID',
    "import { randomUUID } from 'node:crypto';\nexport const a = randomUUID();\n",
    'no-restricted-imports',
  ],
  ['node:fs', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n", 'no-restricted-imports'],
  [
    'node:fs/promises',
    "import { readFile } from 'node:fs/promises';\nexport const a = readFile;\n",
    'no-restricted-imports',
  ],
  ['node:net', "import { connect } from 'node:net';\nexport const a = connect;\n", 'no-restricted-imports'],
];

for (const [what, text, rule] of ambient) {
  test(`keeps ${what} inside the adapters`, () => {
    assert.deepEqual(brokenRules('src/journal/embedded/segment.ts', text), [rule]);
    assert.deepEqual(brokenRules('src/foundation/clock.ts', text), []);
  });
}

test('refuses a floating promise, also of a function of the file itself', () => {
  const text = 'async function save(): Promise<void> {}\nexport function run(): void {\n  save();\n}\n';
  assert.deepEqual(brokenRules('src/model/row.ts', text), ['no-floating-promises']);
});

test('refuses any, the non-null assertion and a narrowing assertion', () => {
  assert.deepEqual(brokenRules('src/model/row.ts', 'export type A = any;\n'), ['no-explicit-any']);
  assert.deepEqual(brokenRules('src/model/row.ts', 'export const a = (b?: string): string => b!;\n'), [
    'no-non-null-assertion',
  ]);
  assert.deepEqual(brokenRules('src/model/row.ts', 'export const a = (b: unknown): string => b as string;\n'), [
    'no-unsafe-type-assertion',
  ]);
});

test('refuses a test that sleeps', () => {
  const text = "import { setTimeout } from 'node:timers/promises';\nawait setTimeout(10);\nexport {};\n";
  assert.ok(brokenRules('src/model/row.test.ts', text).includes('no-restricted-imports'));
});
