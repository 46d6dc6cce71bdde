import { chmod, chown, lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/foundation/clock.ts';
import { systemRandom } from '../../src/foundation/random.ts';
import { endOrphanedServer, readDirectoryOwner } from '../../src/postgres/server-directory.ts';
import { chooseServerUser } from '../../src/postgres/server-user.ts';

/** An empty directory without an owner is being made right now, or was left behind before it got one. */
const UNOWNED_AGE_MS = 600_000;

let swept: Promise<void> | undefined;

/**
 * Names a new directory for a private server, below one directory per user. Before the first, whatever a killed run left
 * behind is ended and removed.
 */
export async function nameScratchDirectory(name: string): Promise<string> {
  const base = await openScratchBase();
  swept ??= sweepScratchDirectories(base);
  await swept;
  return join(base, `${name}-${process.pid}-${Buffer.from(systemRandom.bytes(4)).toString('hex')}`);
}

/** Ends and removes the servers whose owner is dead. */
export async function sweepScratchDirectories(base: string): Promise<void> {
  await Promise.all((await readdir(base)).map((name) => sweepDirectory(join(base, name))));
}

/**
 * Files are removed only where a claim that we can read names an owner that is dead. A directory without such a claim may
 * be in use by another version of this program, so it goes only when it is empty: rmdir refuses any other.
 */
async function sweepDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined) return;
  if ((await readDirectoryOwner(directory)) === undefined) {
    const isOld = systemClock.now() - found.mtimeMs >= UNOWNED_AGE_MS;
    if (isOld) await rmdir(directory).catch(() => undefined);
    return;
  }
  if (await endOrphanedServer(directory)) await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * One directory per user, which nobody else can have made. Started by root, PostgreSQL and its guard run as an unprivileged
 * user, whose group may therefore remove its own directories here, and because of the sticky bit only these.
 */
async function openScratchBase(): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const base = join(tmpdir(), `headwater-services-${uid}`);
  await mkdir(base, { recursive: true, mode: 0o755 });
  const found = await lstat(base);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o002) !== 0) {
    throw new Error(`${base} is not a directory of ours that only we can write; remove it, or set TMPDIR`);
  }
  const serverUser = await chooseServerUser();
  if (serverUser !== undefined) {
    await chown(base, uid, serverUser.gid);
    await chmod(base, 0o1775);
  }
  return base;
}
