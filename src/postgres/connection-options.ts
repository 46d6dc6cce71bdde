import { HeadwaterError } from '../foundation/error.ts';

/**
 * How a connection is secured. `verified` (the default for every host but this machine): TLS, certificate chain and host
 * name checked. `unverified`: TLS against a passive listener only. `none`: plain text.
 */
export type TlsMode = 'verified' | 'unverified' | 'none';

/** How to reach one database as one role. Times are in milliseconds. */
export interface ConnectionOptions {
  /** Host name, address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** A callback is asked at every connect, so that a rotated secret is picked up. */
  readonly password: string | (() => string | Promise<string>) | undefined;
  readonly database: string;
  readonly tls: TlsMode;
  /** File with the certificates of the authorities to trust instead of the system's. */
  readonly authorityFile: string | undefined;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  /** How long an answer to a statement is waited for; then the session is given up. Default: for ever. */
  readonly statementTimeoutMs?: number;
}

const tlsModes: Readonly<Record<string, TlsMode>> = {
  disable: 'none',
  'no-verify': 'unverified',
  require: 'verified',
  'verify-ca': 'verified',
  'verify-full': 'verified',
};

/** Parameters of the address that change nothing here and are let pass. */
const ignoredParameters = new Set(['connect_timeout', 'application_name', 'sslmode', 'sslrootcert', 'host']);

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…&connect_timeout=…&application_name=…`. A Unix
 * socket is named by its directory: `postgres://user@localhost/database?host=/var/run/postgresql`.
 * Without `sslmode`, connections to this machine are plain and all others verified. The password never stands in an error.
 * @throws HW-SOURCE-027 naming what is wrong.
 */
export function parseConnectionUrl(text: string): ConnectionOptions {
  const url = parseUrl(text);
  const parameters = url.searchParams;
  for (const name of parameters.keys()) {
    if (!ignoredParameters.has(name)) throw badAddress(`the parameter "${name}" is not known`);
  }
  const host = parameters.get('host') ?? decode(url.hostname.replace(/^\[(.*)\]$/, '$1'), 'host');
  const user = decode(url.username, 'user');
  const password = url.password === '' ? undefined : decode(url.password, 'password');
  const database = decode(url.pathname.slice(1), 'database');
  if (host === '') throw badAddress('it names no host');
  if (user === '') throw badAddress('it names no user');
  if (database === '') throw badAddress('it names no database');
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password,
    database,
    tls: parseTlsMode(parameters.get('sslmode'), host),
    authorityFile: parameters.get('sslrootcert') ?? undefined,
    applicationName: parameters.get('application_name') ?? 'headwater',
    connectTimeoutMs: parseSeconds(parameters.get('connect_timeout')) * 1000,
  };
}

/** The address for people: without password and parameters. */
export function describeAddress(options: ConnectionOptions): string {
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return `postgres://${options.user}@${host}:${options.port}/${options.database}`;
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw badAddress('it is no postgres:// address');
  }
  return url;
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badAddress(`its ${part} is not percent-encoded`);
  }
}

function parseTlsMode(mode: string | null, host: string): TlsMode {
  if (mode === null) return isThisMachine(host) ? 'none' : 'verified';
  const known = Object.hasOwn(tlsModes, mode) ? tlsModes[mode] : undefined;
  if (known === undefined) {
    throw badAddress(`sslmode "${mode.slice(0, 20)}" is none of ${Object.keys(tlsModes).join(', ')}`);
  }
  return known;
}

function isThisMachine(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function parseSeconds(text: string | null): number {
  if (text === null) return 10;
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 600) {
    throw badAddress('connect_timeout is no number of seconds from 1 to 600');
  }
  return seconds;
}

function badAddress(fault: string): HeadwaterError {
  return new HeadwaterError('HW-SOURCE-027', `the address of PostgreSQL cannot be read: ${fault}`);
}
