import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HeadwaterError } from '../foundation/error.ts';
import type { ServerUser } from './guarded-process.ts';

/** What the permission bits of a directory say. */
export interface DirectoryPermissions {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * The user a server has to run as: undefined when we are not root and it runs as ourselves.
 * @throws HW-EMBEDDED-004 when we are root and the machine has no unprivileged user to drop to
 */
export async function chooseServerUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const user = findUnprivilegedUser(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  if (user !== undefined) return user;
  throw new HeadwaterError('HW-EMBEDDED-004', 'started by root, and /etc/passwd has neither `nobody` nor `postgres`');
}

/**
 * The user `nobody`, else `postgres`, of a passwd file. The user must be listed there, because initdb looks up its name.
 * https://man7.org/linux/man-pages/man5/passwd.5.html
 */
export function findUnprivilegedUser(passwd: string): ServerUser | undefined {
  const entries = passwd.split('\n').map((line) => line.split(':'));
  for (const wanted of ['nobody', 'postgres']) {
    const entry = entries.find(([name]) => name === wanted);
    const uid = Number(entry?.[2]);
    const gid = Number(entry?.[3]);
    if (Number.isSafeInteger(uid) && Number.isSafeInteger(gid) && uid > 0 && gid > 0) return { uid, gid };
  }
  return undefined;
}

/** Whether the permission bits let a user without further groups enter a directory. Access lists are not looked at. */
export function mayEnter(directory: DirectoryPermissions, user: ServerUser): boolean {
  if (directory.uid === user.uid) return (directory.mode & 0o100) !== 0;
  if (directory.gid === user.gid) return (directory.mode & 0o010) !== 0;
  return (directory.mode & 0o001) !== 0;
}

/** The topmost directory on the way to a path, itself included, that the user may not enter; undefined when all are open. */
export async function findClosedDirectory(path: string, user: ServerUser | undefined): Promise<string | undefined> {
  if (user === undefined) return undefined;
  for (const directory of listAncestors(resolve(path))) {
    if (!mayEnter(await stat(directory), user)) return directory;
  }
  return undefined;
}

/** A path and all directories above it, the root first. */
function listAncestors(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...listAncestors(parent), path];
}
