import { HeadwaterError } from '../../../foundation/error.ts';

/** Where a server is and how to log in. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
}

const defaultPort = 6379;

/**
 * Reads `redis[s]://[[user]:password@]host[:port][/database]`.
 * @throws HW-REDIS-001 without a word of the address, which may hold a password.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
    throw invalid('is no address of the form redis[s]://user:password@host:port/database');
  if (url.search !== '' || url.hash !== '') throw invalid('has parameters, which no server of Redis knows');
  const database = /^\/?(\d{0,6})$/.exec(url.pathname)?.[1];
  if (database === undefined) throw invalid('names a database that is no number');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    database: Number(database),
    username: decode(url.username),
    password: decode(url.password),
    isTls: url.protocol === 'rediss:',
  };
}

function decode(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('holds a % in its user or password that begins no escape; write it as %25');
  }
}

function invalid(reason: string): HeadwaterError {
  return new HeadwaterError('HW-REDIS-001', `the option "url" of the Redis sink ${reason}`, {
    details: { option: 'url' },
  });
}
