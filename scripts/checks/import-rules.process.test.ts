import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Stand for the installed packages of the same names. */
const packages = {
  'node_modules/pg/package.json': '{ "name": "pg", "main": "index.js" }',
  'node_modules/pg/index.js': 'module.exports = {};',
  'node_modules/fast-check/package.json': '{ "name": "fast-check", "main": "index.js" }',
  'node_modules/fast-check/index.js': 'module.exports = {};',
};

/** The names of the rules that the repository's own configuration finds broken in a tree of files. */
function brokenRules(files: Record<string, string>): string[] {
  const scratch = mkdtempSync(join(tmpdir(), 'headwater-imports-'));
  try {
    for (const name of ['.dependency-cruiser.mjs', 'tsconfig.json', 'package.json']) {
      copyFileSync(join(root, name), join(scratch, name));
    }
    for (const [path, text] of Object.entries({ ...packages, ...files })) {
      mkdirSync(dirname(join(scratch, path)), { recursive: true });
      writeFileSync(join(scratch, path), text);
    }
    const tool = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const args = [tool, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'src'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: scratch, encoding: 'utf8' });
    assert.notEqual(stdout, '', stderr);
    const report = JSON.parse(stdout) as {
      summary: { violations: { rule: { name: string } }[]; totalCruised: number };
    };
    assert.ok(report.summary.totalCruised >= Object.keys(files).length, 'the tool saw every file');
    return [...new Set(report.summary.violations.map((violation) => violation.rule.name))].toSorted();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const leaf = 'export const a = 1;\n';
const use = (path: string): string => `import { a } from '${path}';\nexport const b = a;\n`;

test('accepts imports that point up the list of folders and meet at ports', () => {
  const files = {
    'src/foundation/clock.ts': leaf,
    'src/journal/journal.ts': use('../foundation/clock.ts'),
    'src/journal/embedded/segment.ts': use('../journal.ts'),
    'src/delivery/lane.ts': use('../journal/journal.ts'),
    'src/service/run.ts': use('../journal/embedded/segment.ts'),
    'src/index.ts': use('./service/run.ts'),
  };
  assert.deepEqual(brokenRules(files), []);
});

test('refuses an import against the direction, also of a type', () => {
  const files = { 'src/journal/journal.ts': leaf, 'src/model/row.ts': use('../journal/journal.ts') };
  assert.deepEqual(brokenRules(files), ['direction-model']);
  const typed = {
    'src/service/run.ts': 'export type A = 1;\n',
    'src/delivery/lane.ts': "import type { A } from '../service/run.ts';\nexport type B = A;\n",
  };
  assert.deepEqual(brokenRules(typed), ['direction-delivery']);
});

test('refuses a cycle', () => {
  const files = {
    'src/model/row.ts': "import { b } from './table.ts';\nexport const a = (): number => b;\n",
    'src/model/table.ts': "import { a } from './row.ts';\nexport const b = 1;\nexport const c = a;\n",
  };
  assert.deepEqual(brokenRules(files), ['no-cycle']);
});

test('keeps technologies from each other and from everyone but service, cli and the public files', () => {
  const files = {
    'src/delivery/sinks/kafka/writer.ts': leaf,
    'src/delivery/sinks/postgres/writer.ts': use('../kafka/writer.ts'),
  };
  assert.deepEqual(brokenRules(files), ['technology-not-sibling']);
  assert.deepEqual(
    brokenRules({
      'src/journal/embedded/segment.ts': leaf,
      'src/delivery/lane.ts': use('../journal/embedded/segment.ts'),
    }),
    ['port-not-technology'],
  );
});

test('keeps the public files, the scripts, the tests and unknown folders out of src', () => {
  assert.deepEqual(brokenRules({ 'src/index.ts': leaf, 'src/cli/run.ts': use('../index.ts') }), [
    'public-file-not-imported',
  ]);
  assert.deepEqual(brokenRules({ 'scripts/build.ts': leaf, 'src/cli/run.ts': use('../../scripts/build.ts') }), [
    'package-not-repository',
  ]);
  assert.deepEqual(brokenRules({ 'src/cli/run.test.ts': leaf, 'src/cli/run.ts': use('./run.test.ts') }), [
    'not-from-tests',
  ]);
  assert.deepEqual(brokenRules({ 'src/extras/run.ts': leaf, 'src/cli/run.ts': use('../extras/run.ts') }), [
    'known-folder-imported',
  ]);
});

test('keeps what users test their sinks with apart from what delivers, and within the package', () => {
  const suite = { 'src/testing/lane-stage.ts': leaf };
  assert.deepEqual(brokenRules({ ...suite, 'src/testing.ts': use('./testing/lane-stage.ts') }), []);
  assert.deepEqual(brokenRules({ ...suite, 'src/delivery/lane.test.ts': use('../testing/lane-stage.ts') }), []);
  assert.deepEqual(brokenRules({ ...suite, 'src/service/run.ts': use('../testing/lane-stage.ts') }), [
    'testing-for-tests',
  ]);
  const scripts = { 'scripts/build.ts': leaf, 'src/testing/lane-stage.ts': use('../../scripts/build.ts') };
  assert.deepEqual(brokenRules(scripts), ['package-not-repository']);
});

test('keeps drivers in their adapters and development dependencies out of the package', () => {
  const pg = "import pg from 'pg';\nexport const a = pg;\n";
  assert.deepEqual(brokenRules({ 'src/postgres/connection.ts': pg }), []);
  assert.deepEqual(brokenRules({ 'src/application/emit.ts': pg }), ['driver-in-its-adapter']);
  assert.deepEqual(
    brokenRules({ 'src/application/emit.ts': "import type { Pool } from 'pg';\nexport type A = Pool;\n" }),
    [],
  );
  assert.deepEqual(brokenRules({ 'src/model/row.ts': "import fc from 'fast-check';\nexport const a = fc;\n" }), [
    'no-dev-dependency',
  ]);
  assert.deepEqual(
    brokenRules({ 'src/model/row.test.ts': "import fc from 'fast-check';\nexport const a = fc;\n" }),
    [],
  );
});
