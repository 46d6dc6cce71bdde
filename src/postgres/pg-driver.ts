import type { ClientConfig } from 'pg';

import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';

import { HeadwaterError } from '../foundation/error.ts';
import type { QueryRow } from './connection.ts';
import { describeAddress, type ConnectionOptions } from './connection-options.ts';
import { toConnectionError } from './connection-error.ts';

type PgModule = typeof import('pg');
/** A client of the driver. Only the adapters around this file touch it. */
export type PgClient = InstanceType<PgModule['default']['Client']>;

/** What a session asks of the start-up, besides the login. */
export interface SessionStart {
  /** Settings sent as start-up options: stronger than those of role and database. */
  readonly settings: Readonly<Record<string, string>>;
  readonly replication: 'none' | 'database';
  /** A socket of our own for a plain connection; TLS needs the driver's. */
  readonly createSocket?: () => Socket;
  /** Sends statements without waiting for the replies before them, where the driver can. Default false. */
  readonly pipeline?: boolean;
}

/** `pg` is an optional peer of the package: it is loaded here, when the first connection is made. */
async function loadPgDriver(): Promise<PgModule['default']> {
  try {
    return (await import('pg')).default;
  } catch (thrown) {
    throw new HeadwaterError(
      'HW-SOURCE-026',
      'the package `pg`, which makes connections to PostgreSQL, is not installed',
      {
        cause: thrown,
      },
    );
  }
}

/**
 * Logs in and checks that a server, not a pooler, is at the other end.
 * @throws HW-SOURCE codes: unreachable, login refused, no such database, not secured, pooler.
 */
export async function openPgClient(
  options: ConnectionOptions,
  start: SessionStart,
  signal?: AbortSignal,
): Promise<PgClient> {
  signal?.throwIfAborted();
  const driver = await loadPgDriver();
  const client = new driver.Client(await clientConfig(options, start));
  // Errors of an idle session end it; whoever uses it next is told. Without a listener they would end the program.
  client.on('error', () => undefined);
  const abort = (): void => void closePgClient(client);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
    await refusePooler(client, options);
    signal?.throwIfAborted();
    return client;
  } catch (thrown) {
    await closePgClient(client);
    signal?.throwIfAborted();
    throw toConnectionError(thrown, `connecting to ${describeAddress(options)}`);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

async function clientConfig(options: ConnectionOptions, start: SessionStart): Promise<ClientConfig> {
  const { password } = options;
  const config: ClientConfig & { replication?: string } = {
    host: options.host,
    port: options.port,
    user: options.user,
    password: typeof password === 'function' ? async () => password() : (password ?? ''),
    database: options.database,
    application_name: options.applicationName,
    options: formatStartupOptions(start.settings),
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ssl: await tlsConfig(options),
    types: { getTypeParser: () => String },
  };
  if (start.pipeline === true) config.pipeline = true;
  if (start.replication === 'database') config.replication = 'database';
  if (start.createSocket !== undefined && options.tls === 'none') config.stream = start.createSocket;
  return config;
}

async function tlsConfig(options: ConnectionOptions): Promise<ClientConfig['ssl']> {
  if (options.tls === 'none') return false;
  const ca = options.authorityFile === undefined ? undefined : await readAuthority(options.authorityFile);
  return { rejectUnauthorized: options.tls === 'verified', ...(ca === undefined ? {} : { ca }) };
}

async function readAuthority(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw new HeadwaterError('HW-SOURCE-005', `the certificate file ${path} cannot be read`, { cause: thrown });
  }
}

/**
 * Runs one statement. A server that does not answer in time may answer later, out of turn, so the session is given up then.
 * @throws HW-SOURCE codes by SQLSTATE, HW-SOURCE-029 when no answer came
 */
export async function runStatement(client: PgClient, statement: Statement): Promise<readonly QueryRow[]> {
  const { subject, text, timeoutMs, values } = statement;
  try {
    const query = { text, values: [...values], ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs }) };
    return (await client.query(query)).rows.filter(isQueryRow);
  } catch (thrown) {
    const error = toConnectionError(thrown, subject);
    if (error.code === 'HW-SOURCE-029') void closePgClient(client);
    throw error;
  }
}

/** One statement to run in a session. */
export interface Statement {
  readonly text: string;
  /** None: the simple protocol, which replication commands need. */
  readonly values: readonly (string | null)[];
  /** What is being done, for errors. */
  readonly subject: string;
  readonly timeoutMs: number | undefined;
}

/** The type parsers of the driver are replaced by `String`, so every value is text or null. */
export function isQueryRow(row: unknown): row is QueryRow {
  return typeof row === 'object' && row !== null;
}

/** Says goodbye and closes the socket without waiting for an answer, which a frozen server would never give. */
export async function closePgClient(client: PgClient): Promise<void> {
  const ended = client.end().catch(() => undefined);
  socketOf(client).destroySoon();
  await ended;
}

/** The socket below the driver: behind TLS after the login, plain otherwise. */
export function socketOf(client: PgClient): Socket {
  const connection: unknown = Reflect.get(client, 'connection');
  const stream: unknown =
    typeof connection === 'object' && connection !== null ? Reflect.get(connection, 'stream') : undefined;
  if (stream instanceof Socket) return stream;
  throw new HeadwaterError(
    'HW-SOURCE-026',
    'the installed version of `pg` does not give its socket away: 8.16 or newer is needed',
  );
}

/** `-c name=value …`, blanks and backslashes escaped, https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-OPTIONS */
export function formatStartupOptions(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll('\\', '\\\\').replaceAll(' ', '\\ ')}`)
    .join(' ');
}

/** A pooler gives every client a process id of its own making at the login; a server gives its own. */
async function refusePooler(client: PgClient, options: ConnectionOptions): Promise<void> {
  const result = await client.query('select pg_catalog.pg_backend_pid() as pid');
  const row: unknown = result.rows[0];
  const serverPid = typeof row === 'object' && row !== null ? Number(Reflect.get(row, 'pid')) : Number.NaN;
  const loginPid: unknown = Reflect.get(client, 'processID');
  if (serverPid === loginPid) return;
  throw new HeadwaterError(
    'HW-SOURCE-006',
    `${describeAddress(options)} leads to a connection pooler, not to the server itself`,
    {
      details: { loginPid: Number(loginPid), serverPid },
    },
  );
}
