/**
 * Compiles src into dist: JavaScript and declarations, without tests.
 *
 *   npm run build
 *   npm run build -- --write-exports     first brings `exports` and `bin` of package.json in line with the files of src
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { planBin, planExports } from './packaging/public-files.ts';

const COMMAND = { source: 'src/cli/main.ts', built: 'dist/cli/main.js' };
const { values } = parseArgs({ options: { 'write-exports': { type: 'boolean', default: false } } });

const hasCommand = existsSync(COMMAND.source);
const planned = { exports: planExports(globSync('src/*.ts')), bin: planBin(hasCommand) };
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
// The order of the conditions counts, and only the text shows it.
const isInLine =
  JSON.stringify(manifest['exports']) === JSON.stringify(planned.exports) &&
  isDeepStrictEqual(manifest['bin'], planned.bin);
if (!isInLine && values['write-exports']) writeManifest();
else if (!isInLine) stop('package.json does not name the public files of src: npm run build -- --write-exports');
if (hasCommand && !readFileSync(COMMAND.source, 'utf8').startsWith('#!/usr/bin/env node\n')) {
  stop(`${COMMAND.source} is a command and starts with #!/usr/bin/env node`);
}

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status !== 0) stop('src does not compile');
if (hasCommand) chmodSync(COMMAND.built, 0o755);
console.log(`built ${globSync('dist/**/*.js').length} files, ${Object.keys(planned.exports).length} subpaths`);

function writeManifest(): void {
  const entries = Object.entries(manifest).filter(([key]) => key !== 'bin' && key !== 'exports');
  const at = entries.findIndex(([key]) => key === 'files');
  const own = Object.entries(planned).filter(([, value]) => value !== undefined);
  writeFileSync(
    'package.json',
    `${JSON.stringify(Object.fromEntries(entries.toSpliced(at, 0, ...own)), undefined, 2)}\n`,
  );
}

function stop(sentence: string): never {
  process.stderr.write(`build: ${sentence}\n`);
  process.exit(1);
}
