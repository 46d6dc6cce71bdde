import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openCacheDirectory, withPreparationLock } from './cache.ts';
import { findProgram, isProgram } from './programs.ts';
import { withProgress } from './progress.ts';

const run = promisify(execFile);

/** Debian's packages of the server: the program is in one of them, under a name that the other links to. */
const packageNames = ['redis-server', 'redis-tools'] as const;

/** A Redis that can be started. */
export interface RedisDistribution {
  readonly program: string;
  /** Where the libraries that came with it are; empty for an installed one. */
  readonly libraryDirectories: readonly string[];
}

type Preparation =
  | { readonly kind: 'ready'; readonly distribution: RedisDistribution }
  | { readonly kind: 'missing'; readonly reason: string };

let preparation: Promise<Preparation> | undefined;

/** Why Redis cannot be had here; undefined when it can. May download it, starts nothing. */
export async function explainMissingRedis(): Promise<string | undefined> {
  const prepared = await prepareOnce();
  return prepared.kind === 'missing' ? prepared.reason : undefined;
}

/** Finds Redis on the PATH, or unpacks Debian's packages once. Safe when several processes do it at once. */
export async function openRedisDistribution(): Promise<RedisDistribution> {
  const prepared = await prepareOnce();
  if (prepared.kind === 'missing') throw new Error(prepared.reason);
  return prepared.distribution;
}

function prepareOnce(): Promise<Preparation> {
  preparation ??= prepare();
  return preparation;
}

/**
 * The packages are unpacked beside everything else that is cached, for root as for anybody: nothing is installed on the
 * machine, and no package script starts a server.
 */
async function prepare(): Promise<Preparation> {
  const installed = await findProgram('redis-server');
  if (installed !== undefined) return { kind: 'ready', distribution: { program: installed, libraryDirectories: [] } };
  const advice = 'install redis-server, or set HEADWATER_TEST_REDIS_URL';
  const missing = await findMissingProgram(['apt-get', 'apt-cache', 'dpkg', 'dpkg-query']);
  if (missing !== undefined)
    return { kind: 'missing', reason: `Redis: neither \`redis-server\` nor \`${missing}\` on the PATH; ${advice}` };
  const directory = join(await openCacheDirectory(), 'redis');
  try {
    if (!(await isUnpacked(directory))) await withProgress('getting Redis with apt', fetchPackages(directory));
  } catch (error) {
    return { kind: 'missing', reason: `Redis: apt could not get it: ${explainApt(error)}; ${advice}` };
  }
  const program = join(directory, 'usr/bin/redis-server');
  return { kind: 'ready', distribution: { program, libraryDirectories: await listLibraryDirectories(directory) } };
}

async function findMissingProgram(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if ((await findProgram(name)) === undefined) return name;
  return undefined;
}

async function fetchPackages(directory: string): Promise<void> {
  await withPreparationLock(directory, async () => {
    if (await isUnpacked(directory)) return;
    const partial = await mkdtemp(`${directory}.partial-`);
    try {
      await download([...packageNames, ...(await listMissingLibraries())], partial);
      const unpacked = join(partial, 'unpacked');
      await mkdir(unpacked);
      for (const name of await readdir(partial)) {
        if (name.endsWith('.deb')) await run('dpkg', ['-x', join(partial, name), unpacked]);
      }
      await rm(directory, { recursive: true, force: true });
      await rename(unpacked, directory);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
}

async function download(names: readonly string[], directory: string): Promise<void> {
  const get = (): Promise<unknown> => run('apt-get', ['-qq', 'download', ...names], { cwd: directory });
  try {
    await get();
  } catch (error) {
    // The package lists may be missing or older than the archive; only root may renew them.
    if (process.getuid?.() !== 0) throw error;
    await run('apt-get', ['-qq', 'update']);
    await get();
  }
}

/** The libraries that the packages need and that are not installed. */
async function listMissingLibraries(): Promise<readonly string[]> {
  const { stdout } = await run('apt-cache', ['depends', '--important', ...packageNames]);
  const needed = new Set(Array.from(stdout.matchAll(/Depends: ((?:lib|lua)[a-z0-9.+-]+)/g), ([, name]) => name ?? ''));
  const missing: string[] = [];
  for (const name of needed) if (name !== '' && !(await isInstalled(name))) missing.push(name);
  return missing;
}

async function isInstalled(name: string): Promise<boolean> {
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Status}', name]).catch(() => ({ stdout: '' }));
  return stdout.includes('ok installed');
}

async function isUnpacked(directory: string): Promise<boolean> {
  return isProgram(join(directory, 'usr/bin/redis-server'));
}

async function listLibraryDirectories(directory: string): Promise<readonly string[]> {
  const libraries = join(directory, 'usr/lib');
  const names = await readdir(libraries).catch((): string[] => []);
  return [libraries, ...names.filter((name) => name.includes('-linux-')).map((name) => join(libraries, name))];
}

/** Apt's first error line. */
function explainApt(error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const line = output.split('\n').find((text) => text.startsWith('E:'));
  return (line ?? String(error)).slice(0, 300);
}
