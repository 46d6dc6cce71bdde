import { chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { HeadwaterError } from '../../foundation/error.ts';
import { endOrphanedServer } from '../../postgres/server-directory.ts';
import { chooseServerUser } from '../../postgres/server-user.ts';

/** Where `headwater dev` keeps what it makes, from one run to the next. */
export interface DevDirectory {
  readonly path: string;
  readonly postgres: string;
  readonly journal: string;
  /** Where PostgreSQL listened last; undefined before the first run. */
  readonly port: number | undefined;
}

/** Marks a directory as ours, so that `--reset` removes nothing else. */
const markFile = 'dev.json';

/**
 * Opens the directory, or makes it with a mark of its own. With `reset` what an earlier run made is removed first.
 * @throws HW-DEV-001 when it is not empty and has no mark, HW-DEV-002 when another `headwater dev` is using it
 */
export async function openDevDirectory(name: string, options: { readonly reset: boolean }): Promise<DevDirectory> {
  const path = resolve(name);
  await assertOurs(path);
  if (options.reset) await removeContent(path);
  // Started by root, PostgreSQL runs as another user and has to pass through to its own directory.
  const isRoot = process.getuid?.() === 0;
  await mkdir(path, { recursive: true, mode: isRoot ? 0o711 : 0o700 });
  if (isRoot) await chmod(path, 0o711);
  const port = await readPort(path);
  if (port === undefined) await writeMark(path, {});
  // It holds a password and a database, and belongs into no repository.
  await writeFile(join(path, '.gitignore'), '*\n');
  await givePostgresItsPlace(join(path, 'postgres'));
  return { path, postgres: join(path, 'postgres'), journal: join(path, 'journal'), port };
}

/** Keeps the port for the next run, so that the address in an application's settings stays right. */
export function keepPort(directory: DevDirectory, port: number): Promise<void> {
  return writeMark(directory.path, { port });
}

async function assertOurs(path: string): Promise<void> {
  const names = await readdir(path).catch((): string[] => []);
  if (names.length === 0 || names.includes(markFile)) return;
  throw new HeadwaterError('HW-DEV-001', `${path} holds files that are not from \`headwater dev\``, {
    details: { directory: path },
  });
}

async function removeContent(path: string): Promise<void> {
  if (!(await endOrphanedServer(join(path, 'postgres')))) {
    throw new HeadwaterError('HW-DEV-002', `a \`headwater dev\` is running in ${path}`, {
      details: { directory: path },
    });
  }
  for (const name of ['journal', 'postgres', '.gitignore', markFile])
    await rm(join(path, name), { recursive: true, force: true });
}

/** A directory that a caller made inside ours would belong to root, where PostgreSQL needs it as its own. */
async function givePostgresItsPlace(path: string): Promise<void> {
  const user = await chooseServerUser();
  if (user === undefined) return;
  const isFresh = (await mkdir(path, { recursive: true, mode: 0o755 })) !== undefined;
  if (isFresh) await chown(path, user.uid, user.gid);
}

async function readPort(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, markFile), 'utf8').catch(() => '{}');
  const port: unknown = parseMark(text)['port'];
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined;
}

function parseMark(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function writeMark(path: string, content: object): Promise<void> {
  return writeFile(join(path, markFile), `${JSON.stringify({ version: 1, ...content })}\n`, { mode: 0o600 });
}
