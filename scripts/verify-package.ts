/**
 * Packs the built package and looks at the tarball as a user would: publint, attw, an installation without install scripts
 * in an empty folder, `import` and `require` of every subpath, the types in a strict project, what loading the root drags in,
 * the contract of sinks against the example of one, the README's example against a real PostgreSQL, and the demo. Run by `npm run build:verify`, after the build.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findHeavyLoads, readStaticClosure } from './packaging/static-closure.ts';
import { createProject, tryContract, tryDemo, tryExample } from './packaging/try-package.ts';

/** Loading these may cost next to nothing: applications import them on every path. */
const LIGHT_FILES = ['dist/index.js', 'dist/emit.js'];
const PACKED = /^(?:dist\/.+\.(?:js|d\.ts)|docs\/reference\/.+|README\.md|LICENSE|NOTICE|CHANGELOG\.md|package\.json)$/;
const NOT_PACKED = /\.(?:test|suite)\.|(?<!^dist)\/testing\//;

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  exports: Record<string, unknown>;
  bin?: Record<string, string>;
};
const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
const specifiers = subpaths.map((subpath) => manifest.name + subpath.slice(1));

const scratch = mkdtempSync(join(tmpdir(), 'headwater-package-'));
const failures: string[] = [];
try {
  const tarball = pack();
  check('publint', () => runTool('publint', ['run', tarball, '--strict']));
  check('attw', () => runTool('attw', [tarball, '--profile', 'esm-only', '--no-emoji']));
  const consumer = join(scratch, 'consumer');
  check('install without scripts in an empty folder', () => install(consumer, tarball));
  check('import', () => load(consumer, 'import', specifiers.map((name) => `await import('${name}');`).join('\n')));
  check('require', () => load(consumer, 'require', specifiers.map((name) => `require('${name}');`).join('\n')));
  check('command', () => runCommand(consumer));
  check('types', () => typeCheck(consumer));
  await checkAsync('the contract of sinks', () => tryContract(consumer, manifest.name));
  const project = join(scratch, 'project');
  await checkAsync('project', () => createProject(project, tarball));
  await checkAsync('the example of the README', () => tryExample(project, manifest.name));
  await checkAsync('demo', () => tryDemo(project));
  for (const file of LIGHT_FILES) await checkAsync(`weight of ${file}`, () => weigh(file));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(failures.length === 0 ? 'the package is in order' : `failed: ${failures.join(', ')}`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Makes the tarball and holds its list of files against what a user needs. */
function pack(): string {
  const output = runTool('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch]);
  const [packed] = Object.values(JSON.parse(output) as Record<string, { filename: string; files: { path: string }[] }>);
  check('contents', () => {
    const strangers = (packed?.files ?? [])
      .map(({ path }) => path)
      .filter((path) => !PACKED.test(path) || NOT_PACKED.test(path));
    if (strangers.length > 0) throw new Error(`these do not belong into the package: ${strangers.join(', ')}`);
    if (specifiers.length === 0) throw new Error('the package offers no subpath');
  });
  return join(scratch, packed?.filename ?? '');
}

function install(consumer: string, tarball: string): void {
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n');
  runTool('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball], consumer);
}

function load(consumer: string, how: 'import' | 'require', text: string): void {
  const file = `${how}.${how === 'import' ? 'mjs' : 'cjs'}`;
  writeFileSync(join(consumer, file), `${text}\n`);
  runTool(process.execPath, [file], consumer);
}

function runCommand(consumer: string): void {
  for (const name of Object.keys(manifest.bin ?? {})) runTool(join('node_modules', '.bin', name), ['--help'], consumer);
}

/** The library's declarations are checked too: no type may come from a package that users do not have. */
function typeCheck(consumer: string): void {
  const names = specifiers.map((name, index) => `import * as subpath${index} from '${name}';\nvoid subpath${index};`);
  writeFileSync(join(consumer, 'consumer.ts'), `${names.join('\n')}\n`);
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2024', 'esnext.disposable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    typeRoots: [resolve('node_modules/@types')],
    types: ['node'],
  };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  runTool('tsc', ['-p', join(consumer, 'tsconfig.json')]);
}

async function weigh(file: string): Promise<void> {
  if (globSync(file).length === 0) throw new Error('it is not built');
  const heavy = findHeavyLoads(await readStaticClosure(file));
  if (heavy.length > 0) throw new Error(`loading it loads ${heavy.join(', ')}`);
}

function check(name: string, body: () => unknown): void {
  try {
    body();
    console.log(`ok      ${name}`);
  } catch (error) {
    report(name, error);
  }
}

async function checkAsync(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
    console.log(`ok      ${name}`);
  } catch (error) {
    report(name, error);
  }
}

function report(name: string, error: unknown): void {
  failures.push(name);
  console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`);
}

function runTool(command: string, args: readonly string[], cwd = process.cwd()): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with code ${status}\n${stdout}${stderr}`);
  return stdout;
}
