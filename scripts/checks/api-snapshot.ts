/**
 * Compares the public types of every subpath with the reports under api/. A difference is a change that users see: it
 * belongs into CHANGELOG.md, and `npm run check:api -- --write` records it.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { planSubpath } from '../packaging/public-files.ts';
import { reportApi } from './api-report.ts';

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const folder = mkdtempSync(join(tmpdir(), 'headwater-api-'));
try {
  // Each declaration follows from its own file alone, so that types need no check here: check:types does that.
  const args = ['-p', 'tsconfig.build.json', '--noCheck', '--emitDeclarationOnly', '--outDir', folder];
  if (spawnSync('tsc', args, { stdio: 'inherit' }).status !== 0) stop('the declarations could not be written');
  const reports = new Map(
    globSync('src/*.ts')
      .toSorted()
      .map((path) => [reportPath(path), reportApi(declarationPath(path), folder)]),
  );
  if (values.write) write(reports);
  else compare(reports);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function reportPath(sourcePath: string): string {
  const subpath = planSubpath(sourcePath);
  return `api/${subpath === '.' ? 'root' : subpath.slice(2)}.d.ts.txt`;
}

function declarationPath(sourcePath: string): string {
  return join(folder, sourcePath.replace(/^src\//, '').replace(/\.ts$/, '.d.ts'));
}

function write(reports: ReadonlyMap<string, string>): void {
  for (const path of globSync('api/*.d.ts.txt')) rmSync(path);
  mkdirSync('api', { recursive: true });
  for (const [path, text] of reports) writeFileSync(path, text);
  console.log(`api: recorded ${reports.size} subpaths`);
}

function compare(reports: ReadonlyMap<string, string>): void {
  const stale = globSync('api/*.d.ts.txt').filter((path) => !reports.has(path));
  const changed = [...reports].filter(([path, text]) => text !== readRecorded(path)).map(([path]) => path);
  for (const path of stale) console.log(`${path}: the subpath is gone`);
  for (const path of changed) showDifference(path, reports.get(path) ?? '');
  console.log(`api: ${reports.size} subpaths, ${stale.length + changed.length} changed`);
  if (stale.length + changed.length > 0) {
    process.exitCode = 1;
    console.log('If users are to see this: npm run check:api -- --write, and a line in CHANGELOG.md');
  }
}

function readRecorded(path: string): string {
  return globSync(path).length === 0 ? '' : readFileSync(path, 'utf8');
}

function showDifference(path: string, text: string): void {
  const before = new Set(readRecorded(path).split('\n'));
  const after = new Set(text.split('\n'));
  console.log(path);
  for (const line of before) if (!after.has(line)) console.log(`- ${line}`);
  for (const line of after) if (!before.has(line)) console.log(`+ ${line}`);
}

function stop(sentence: string): never {
  process.stderr.write(`api: ${sentence}\n`);
  process.exit(1);
}
