import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HeadwaterError } from '../foundation/error.ts';
import { systemRandom } from '../foundation/random.ts';
import type { PostgresBinaries } from './embedded-binaries.ts';
import type { ServerUser } from './guarded-process.ts';

const run = promisify(execFile);

/** Names and values as in `postgresql.conf`. */
export type ClusterSettings = Readonly<Record<string, string | number | boolean>>;

/** How a client on the loopback address proves that it may connect. */
export type ClusterAuthentication = 'scram' | 'trust';

/** Where a cluster lies, and how it is made when there is none. */
export interface ClusterOptions {
  /** Holds `data/`, the password and the log. */
  readonly directory: string;
  readonly binaries: PostgresBinaries;
  readonly user?: ServerUser | undefined;
  readonly authentication: ClusterAuthentication;
  /** A scratch cluster is not flushed to disk while it is made; once it runs, its commits are. */
  readonly isScratch: boolean;
}

/** A cluster that is ready to be started. */
export interface Cluster {
  readonly dataDirectory: string;
  /** The superuser's password; undefined under `trust`. */
  readonly password: string | undefined;
}

/** PostgreSQL's programs get nothing from our environment: neither PG* variables nor secrets. */
export const SERVER_ENVIRONMENT: NodeJS.ProcessEnv = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

const PASSWORD_FILE = 'superuser-password';
const SETTINGS_FILE = 'headwater.conf';

/**
 * Opens the cluster in the directory, making it at the first time: UTF8, locale C, superuser `postgres`. A cluster is made
 * aside and renamed, so an interrupted start leaves none that is half made.
 * @throws HW-EMBEDDED-007 when initdb fails · HW-EMBEDDED-010 when the cluster is of another major version
 */
export async function prepareCluster(options: ClusterOptions): Promise<Cluster> {
  const dataDirectory = join(options.directory, 'data');
  const version = await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) {
    await createCluster(options, dataDirectory);
  } else {
    await assertSameMajor(version.trim(), options);
  }
  const password = await readFile(join(options.directory, PASSWORD_FILE), 'utf8').catch(() => undefined);
  return { dataDirectory, password };
}

/** Replaces our settings; those made with ALTER SYSTEM still win, and the next start reads both. */
export async function writeSettings(cluster: Cluster, settings: ClusterSettings, user?: ServerUser): Promise<void> {
  const path = join(cluster.dataDirectory, SETTINGS_FILE);
  await writeFile(path, renderSettings(settings), { mode: 0o600 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Settings in the syntax of `postgresql.conf`. https://www.postgresql.org/docs/current/config-setting.html */
export function renderSettings(settings: ClusterSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('');
}

async function createCluster(options: ClusterOptions, dataDirectory: string): Promise<void> {
  const { directory, user } = options;
  const partial = `${dataDirectory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  if (user !== undefined) await chown(partial, user.uid, user.gid);
  const passwordPath = join(directory, PASSWORD_FILE);
  await rm(passwordPath, { force: true });
  if (options.authentication === 'scram') {
    await writeFile(passwordPath, Buffer.from(systemRandom.bytes(18)).toString('base64url'), { mode: 0o600 });
    if (user !== undefined) await chown(passwordPath, user.uid, user.gid);
  }
  await runInitdb(options, partial, passwordPath);
  await appendFile(join(partial, 'postgresql.conf'), `\ninclude_if_exists '${SETTINGS_FILE}'\n`);
  await rename(partial, dataDirectory);
}

async function runInitdb(options: ClusterOptions, dataDirectory: string, passwordPath: string): Promise<void> {
  const authentication =
    options.authentication === 'scram' ? ['--auth=scram-sha-256', `--pwfile=${passwordPath}`] : ['--auth=trust'];
  const form = ['--username=postgres', '--encoding=UTF8', '--locale=C', ...(options.isScratch ? ['--no-sync'] : [])];
  try {
    await run(join(options.binaries.directory, 'initdb'), ['-D', dataDirectory, ...form, ...authentication], {
      env: SERVER_ENVIRONMENT,
      cwd: '/',
      ...options.user,
    });
  } catch (error) {
    const words =
      error instanceof Error && 'stderr' in error && error.stderr !== '' ? String(error.stderr) : String(error);
    throw new HeadwaterError('HW-EMBEDDED-007', `initdb failed in ${options.directory}: ${words.trim().slice(-1000)}`, {
      cause: error,
    });
  }
}

async function assertSameMajor(clusterMajor: string, options: ClusterOptions): Promise<void> {
  const { stdout } = await run(join(options.binaries.directory, 'postgres'), ['--version'], {
    env: SERVER_ENVIRONMENT,
    cwd: '/',
    ...options.user,
  });
  const serverMajor = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1] ?? 'unknown';
  if (serverMajor === clusterMajor) return;
  const message = `${options.directory} holds a cluster of PostgreSQL ${clusterMajor}, the binaries are of ${serverMajor}`;
  throw new HeadwaterError('HW-EMBEDDED-010', message, { details: { clusterMajor, serverMajor } });
}
