import { constants } from 'node:fs';
import { chown, link, lstat, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadwaterError } from '../foundation/error.ts';
import { type GuardedProcess, killProcessTree, type ServerUser, waitForEnd } from './guarded-process.ts';
import { isProcessRunning, type ProcessIdentity, readProcessIdentity } from './process-identity.ts';

/*
 * A private server's directory names its owner: the process that started it, the server, and the server's guard, each by pid
 * and start time. A live owner refuses a second start. What a dead owner left running is ended first; normally its guard has
 * done that already. There is nothing to clean up by hand after a SIGKILL.
 */
const CLAIM_FILE = 'owner.json';
/** Longer than a guard needs to stop its server and remove the directory. */
const ORPHAN_TIMEOUT_MS = 20_000;

/** Who uses a server's directory. */
export interface DirectoryOwner {
  readonly owner: ProcessIdentity;
  readonly server?: ProcessIdentity;
  readonly guard?: ProcessIdentity;
}

export interface DirectoryClaim {
  readonly directory: string;
  /** Records the running server, so that a later start can end it should we and its guard be killed. */
  recordServer(server: GuardedProcess): Promise<void>;
  /** Gives the directory back; legal in any state. */
  release(): Promise<void>;
}

/**
 * Makes the directory if needed and claims it for this process, first ending what a dead owner left running.
 * @throws HW-EMBEDDED-006 when a live process, this one included, has claimed it
 */
export async function claimDirectory(directory: string, user?: ServerUser): Promise<DirectoryClaim> {
  const owner = await ownIdentity();
  const claim = new FileClaim(directory, owner);
  for (;;) {
    const isFresh =
      (await mkdir(directory, { recursive: true, mode: user === undefined ? 0o700 : 0o755 })) !== undefined;
    // What root makes for an unprivileged server belongs to that server, so that its guard can remove it.
    if (isFresh && user !== undefined) await chown(directory, user.uid, user.gid);
    if (await claim.tryTake()) return claim;
    await removeStaleClaim(directory);
  }
}

/** Reads who owns a directory; undefined when nobody does. A claim that another user wrote is none: we would end what it names. */
export async function readDirectoryOwner(directory: string): Promise<DirectoryOwner | undefined> {
  const text = await readOwnFile(join(directory, CLAIM_FILE));
  return text === undefined ? undefined : parseDirectoryOwner(text);
}

async function readOwnFile(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const { uid } = await file.stat();
    return uid === process.getuid?.() ? await file.readFile('utf8') : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ELOOP') || isSystemError(error, 'EACCES'))
      return undefined;
    throw error;
  }
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
  if (owner.server !== undefined) await waitForEnd(owner.server, ORPHAN_TIMEOUT_MS);
  return true;
}

/** Parses the claim file; anything that is not one, a torn file included, names no owner. */
export function parseDirectoryOwner(text: string): DirectoryOwner | undefined {
  const parsed = parseJson(text);
  const owner = parseIdentity(parsed?.['owner']);
  if (owner === undefined) return undefined;
  const server = parseIdentity(parsed?.['server']);
  const guard = parseIdentity(parsed?.['guard']);
  return { owner, ...(server === undefined ? {} : { server }), ...(guard === undefined ? {} : { guard }) };
}

class FileClaim implements DirectoryClaim {
  readonly directory: string;
  readonly #owner: ProcessIdentity;

  constructor(directory: string, owner: ProcessIdentity) {
    this.directory = directory;
    this.#owner = owner;
  }

  /** A hard link appears whole or fails when the name is taken: nobody ever reads half a claim. */
  async tryTake(): Promise<boolean> {
    const draft = this.#nameDraft();
    try {
      await writeOwner(draft, { owner: this.#owner });
      await link(draft, join(this.directory, CLAIM_FILE));
      return true;
    } catch (error) {
      // Taken, or the guard of a dead owner has just removed the directory.
      if (isSystemError(error, 'EEXIST') || isSystemError(error, 'ENOENT')) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async recordServer(server: GuardedProcess): Promise<void> {
    const draft = this.#nameDraft();
    await writeOwner(draft, { owner: this.#owner, server: server.identity, guard: server.guard });
    await rename(draft, join(this.directory, CLAIM_FILE));
  }

  async release(): Promise<void> {
    await rm(join(this.directory, CLAIM_FILE), { force: true });
  }

  #nameDraft(): string {
    return join(this.directory, `${CLAIM_FILE}.${process.pid}-${draftCount++}`);
  }
}

async function writeOwner(path: string, owner: DirectoryOwner): Promise<void> {
  await writeFile(path, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
}

/** Tells apart the drafts of several claims made by one process. */
let draftCount = 0;

async function removeStaleClaim(directory: string): Promise<void> {
  const path = join(directory, CLAIM_FILE);
  const stale = await readOwnFile(path);
  if (stale === undefined) return assertAbsent(path);
  if (!(await endOrphanedServer(directory))) {
    const pid = parseDirectoryOwner(stale)?.owner.pid;
    throw new HeadwaterError('HW-EMBEDDED-006', `${directory} is in use by process ${pid}`, {
      details: { directory, pid: pid ?? null },
    });
  }
  // Of several that found it stale one moves it away; whoever moved a newer claim instead puts that back.
  const aside = `${path}.stale-${process.pid}-${draftCount++}`;
  const isMoved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!isMoved) return;
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** What another user claimed cannot be judged, so it is left alone. */
async function assertAbsent(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (found.isFile() && found.uid === process.getuid?.()) return; // Claimed by us in this very moment: look again.
  throw new HeadwaterError('HW-EMBEDDED-006', `another user, ${found.uid}, has claimed the directory by ${path}`);
}

async function ownIdentity(): Promise<ProcessIdentity> {
  const identity = await readProcessIdentity(process.pid);
  return identity ?? { pid: process.pid, started: 'unknown' };
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
  return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof started === 'string'
    ? { pid, started }
    : undefined;
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
