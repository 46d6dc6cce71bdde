import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const repository = join(import.meta.dirname, '../..');
/** Inside the repository, so that packages are found; one for each run, so that two do not meet. */
const folder = join(repository, 'node_modules/.cache/headwater', `bench-${process.pid}`);
const run = promisify(execFile);

/**
 * Compiles the programs of this folder and what they need of src to JavaScript, as the package is, and removes it after `work`.
 * Node would strip the types itself, but that takes memory in every thread and half a second of CPU, which no user of the
 * package pays.
 */
export async function withCompiledPrograms<Result>(work: () => Promise<Result>): Promise<Result> {
  const tsc = join(repository, 'node_modules/.bin/tsc');
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
    await run(process.execPath, [tsc, '-p', join(repository, 'bench/tsconfig.json'), '--outDir', folder]);
    return await work();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where a program `bench/<path>.ts` lies compiled. */
export function compiledPath(path: string): string {
  return join(folder, 'bench', path.replace(/\.ts$/, '.js'));
}
