import { constants } from 'node:fs';
import { chown, link, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadwaterError } from '../foundation/error.ts';
import { type GuardedProcess, killProcessTree, type ServerUser, waitForEnd } from './guarded-process.ts';
import { isProcessRunning, type ProcessIdentity, readProcessIdentity } from './process-identity.ts';

/*
 * A private server's directory names its owner: the process that started it, the server, and the server's guard, each by pid
 * and start time. A live owner refuses a second start. What a dead owner left running is ended first; normally its guard has
 * done that already. There is nothing to clean up by hand after a SIGKILL.
 *
 * A claim is a file `owner-<generation>.json`; the highest generation counts.
 * - C1: a claim is made by linking a whole file to the next generation's name, which succeeds for one process only.
 * - C2: the highest generation is never removed, only superseded; a released claim stays as an empty one. So a process that
 *   looked long ago and links a generation that was removed since finds a higher one afterwards, and gives up.
 * Moving a dead owner's file away instead lets a slow process move the claim of the one that was faster.
 */
const CLAIM_NAME = /^owner-(\d+)\.json$/;
/** Longer than a guard needs to stop its server and remove the directory. */
const ORPHAN_TIMEOUT_MS = 20_000;

/** Who uses a server's directory. */
export interface DirectoryOwner {
  readonly owner: ProcessIdentity;
  readonly server?: ProcessIdentity;
  readonly guard?: ProcessIdentity;
}

/** This process's right to use a directory; whoever claimed it releases it. */
export interface DirectoryClaim {
  readonly directory: string;
  /** Records the running server, so that a later start can end it should we and its guard be killed. */
  recordServer(server: GuardedProcess): Promise<void>;
  /** Gives the directory back; legal when it is gone, and more than once. */
  release(): Promise<void>;
}

/**
 * Makes the directory if needed and claims it for this process, first ending what a dead owner left running.
 * @throws HW-EMBEDDED-006 when a live process, this one included, or another user has claimed it
 */
export async function claimDirectory(directory: string, user?: ServerUser): Promise<DirectoryClaim> {
  const owner = (await readProcessIdentity(process.pid)) ?? { pid: process.pid, started: 'unknown' };
  for (;;) {
    const mode = user === undefined ? 0o700 : 0o755;
    const isFresh = (await mkdir(directory, { recursive: true, mode })) !== undefined;
    // What root makes for an unprivileged server belongs to that server, so that its guard can remove it.
    if (isFresh && user !== undefined) await chown(directory, user.uid, user.gid);
    const latest = await readLatestClaim(directory);
    await endDeadOwner(directory, latest);
    const generation = latest.generation + 1;
    if (await tryClaim(directory, generation, owner)) return new FileClaim(directory, generation, owner);
  }
}

/** Reads who owns a directory; undefined when nobody does. A claim that another user wrote is none: we would end what it names. */
export async function readDirectoryOwner(directory: string): Promise<DirectoryOwner | undefined> {
  const latest = await readLatestClaim(directory);
  return latest.kind === 'owned' ? latest.owner : undefined;
}

/**
 * Ends what a dead owner left running in a directory.
 * @returns whether the directory is free now; false when its owner is alive
 */
export async function endOrphanedServer(directory: string): Promise<boolean> {
  const owner = await readDirectoryOwner(directory);
  if (owner === undefined) return true;
  if (await isProcessRunning(owner.owner)) return false;
  // A living guard is at it, and may also be about to remove the directory.
  if (owner.guard !== undefined) await waitForEnd(owner.guard, ORPHAN_TIMEOUT_MS);
  if (owner.server !== undefined) await killProcessTree(owner.server);
  return true;
}

/** Parses a claim; anything that is not one, a released and a torn one included, names no owner. */
export function parseDirectoryOwner(text: string): DirectoryOwner | undefined {
  const parsed = parseJson(text);
  const owner = parseIdentity(parsed?.['owner']);
  if (owner === undefined) return undefined;
  const server = parseIdentity(parsed?.['server']);
  const guard = parseIdentity(parsed?.['guard']);
  return { owner, ...(server === undefined ? {} : { server }), ...(guard === undefined ? {} : { guard }) };
}

type LatestClaim =
  | { readonly kind: 'free'; readonly generation: number }
  | { readonly kind: 'owned'; readonly generation: number; readonly owner: DirectoryOwner }
  /** Written by another user, so it proves nothing. */
  | { readonly kind: 'foreign'; readonly generation: number };

class FileClaim implements DirectoryClaim {
  readonly directory: string;
  readonly #generation: number;
  readonly #owner: ProcessIdentity;

  constructor(directory: string, generation: number, owner: ProcessIdentity) {
    this.directory = directory;
    this.#generation = generation;
    this.#owner = owner;
  }

  async recordServer(server: GuardedProcess): Promise<void> {
    await this.#replace({ owner: this.#owner, server: server.identity, guard: server.guard });
  }

  async release(): Promise<void> {
    try {
      await this.#replace({});
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }

  async #replace(content: Partial<DirectoryOwner>): Promise<void> {
    const draft = nameDraft(this.directory);
    await writeClaim(draft, content);
    await rename(draft, nameClaim(this.directory, this.#generation));
  }
}

async function endDeadOwner(directory: string, latest: LatestClaim): Promise<void> {
  if (latest.kind === 'free') return;
  if (latest.kind === 'owned' && (await endOrphanedServer(directory))) return;
  const pid = latest.kind === 'owned' ? latest.owner.owner.pid : null;
  const who = pid === null ? 'another user' : `process ${pid}`;
  throw new HeadwaterError('HW-EMBEDDED-006', `${directory} is in use by ${who}`, { details: { directory, pid } });
}

/** Claims a generation. @returns false when another process was faster, or the directory has just been removed */
async function tryClaim(directory: string, generation: number, owner: ProcessIdentity): Promise<boolean> {
  const draft = nameDraft(directory);
  const claim = nameClaim(directory, generation);
  try {
    await writeClaim(draft, { owner });
    await link(draft, claim);
  } catch (error) {
    if (isSystemError(error, 'EEXIST') || isSystemError(error, 'ENOENT')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const generations = await listGenerations(directory);
  const isLatest = generations.every((other) => other <= generation);
  const superseded = isLatest ? generations.filter((other) => other < generation) : [generation];
  await Promise.all(superseded.map((other) => rm(nameClaim(directory, other), { force: true })));
  return isLatest;
}

async function readLatestClaim(directory: string): Promise<LatestClaim> {
  const generation = Math.max(0, ...(await listGenerations(directory)));
  if (generation === 0) return { kind: 'free', generation };
  try {
    await using file = await open(nameClaim(directory, generation), constants.O_RDONLY | constants.O_NOFOLLOW);
    const { uid } = await file.stat();
    if (uid !== process.getuid?.()) return { kind: 'foreign', generation };
    const owner = parseDirectoryOwner(await file.readFile('utf8'));
    return owner === undefined ? { kind: 'free', generation } : { kind: 'owned', generation, owner };
  } catch (error) {
    if (isSystemError(error, 'ELOOP') || isSystemError(error, 'EACCES')) return { kind: 'foreign', generation };
    if (isSystemError(error, 'ENOENT')) return readLatestClaim(directory); // Superseded in between.
    throw error;
  }
}

async function listGenerations(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory).catch((): string[] => []);
  return names.flatMap((name) => {
    const generation = CLAIM_NAME.exec(name)?.[1];
    return generation === undefined ? [] : [Number(generation)];
  });
}

function nameClaim(directory: string, generation: number): string {
  return join(directory, `owner-${generation}.json`);
}

/** Tells apart the drafts of several claims made by one process. */
let draftCount = 0;

function nameDraft(directory: string): string {
  draftCount += 1;
  return join(directory, `owner.draft-${process.pid}-${draftCount}`);
}

async function writeClaim(path: string, content: Partial<DirectoryOwner>): Promise<void> {
  await writeFile(path, `${JSON.stringify(content)}\n`, { mode: 0o600 });
}

function parseJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value)) return undefined;
  const { pid, started } = value;
  const isPid = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0;
  return isPid && typeof started === 'string' ? { pid, started } : undefined;
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
