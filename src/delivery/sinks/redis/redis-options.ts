import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { HeadwaterError } from '../../../foundation/error.ts';
import { type KeyPattern, parseKeyPattern } from './key-pattern.ts';
import { parseRedisUrl } from './redis-address.ts';

/** What the server must do with what it acknowledges: flush it at once, within a second, or whatever it likes. */
export type RedisDurability = 'always' | 'everysec' | 'none';

interface CommonOptions {
  /**
   * `redis://user:password@host:6379/0`, `rediss://` for TLS; a function is asked at every connect. Undefined, as a variable of
   * the environment that is not set, is refused at once.
   */
  readonly url: string | (() => string | Promise<string>) | undefined;
  /** TLS as Node takes it, for `rediss://`: `{ ca }` for a certificate authority of your own. Certificates are checked. */
  readonly tls?: TlsOptions;
  /** For status and refusals: where it leads, without secrets. Needed when the address is a function. */
  readonly target?: string;
  /**
   * What the server must be set to; looked at with every connect, and refused when it is less. Default `everysec`: an
   * append-only file that is flushed at least every second. `always`: nothing acknowledged is lost when the machine fails.
   * `none`: nothing is looked at; what the server forgets comes again only as far as the journal has it.
   */
  readonly durability?: RedisDurability;
  /** Default false: a server that may drop keys when its memory is full is refused. */
  readonly acceptEviction?: boolean;
  /** What the names of the sink's own keys begin with. Default `headwater:`. */
  readonly positionPrefix?: string;
  /** No larger record is sent. Default 64 MiB. */
  readonly recordBytesMax?: number;
  /**
   * A source transaction up to this size becomes visible at once; a larger one in parts, each with its position. It is held in
   * memory until its end, and Redis serves nobody else while it applies it. Default 8 MiB.
   */
  readonly transactionBytesMax?: number;
  /** Default 5,000 ms. */
  readonly connectTimeoutMs?: number;
  /** How long Redis may take to answer. Default 30,000 ms. */
  readonly commandTimeoutMs?: number;
}

/** Rows, or the latest event of a key, as values under keys. */
export interface RedisKeyOptions extends CommonOptions {
  /** `hash`: a field for each column. `json`: one text, a JSON object. Default `hash`. */
  readonly form?: 'hash' | 'json';
  /** What the default key of a row begins with. Default nothing: `public.orders:1`. */
  readonly prefix?: string;
  /** Key patterns by `schema.table`: `order:{id}`, each `{column}` a column of the replica identity. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Key pattern of events from `{key}`, `{type}` and `{tenant}`. Default: events are left out. */
  readonly events?: string;
  /** How long the position of a deleted key is kept, so that another lane's older write does not bring it back. Default one day. */
  readonly tombstoneMs?: number;
  readonly stream?: never;
  readonly maxLength?: never;
}

/** Every record as an entry of a stream. */
export interface RedisStreamOptions extends CommonOptions {
  readonly form: 'stream';
  /** Where records go that the lane's `route` does not place. Default: changes to `<schema>.<table>`, events to `events`. */
  readonly stream?: string;
  /** About how many entries a stream keeps; older ones go, whether they were read or not. Default: all. */
  readonly maxLength?: number;
  readonly prefix?: never;
  readonly keys?: never;
  readonly events?: never;
  readonly tombstoneMs?: never;
}

/** What `redisSink` takes. */
export type RedisSinkOptions = RedisKeyOptions | RedisStreamOptions;

/** Where rows and events go. */
export interface KeyLayout {
  readonly form: 'hash' | 'json';
  readonly prefix: string;
  readonly keys: ReadonlyMap<string, KeyPattern>;
  readonly events: KeyPattern | undefined;
  readonly tombstoneMs: number;
}

/** Where entries go. */
export interface StreamLayout {
  readonly form: 'stream';
  readonly stream: string | undefined;
  /** 0: no limit. */
  readonly maxLength: number;
}

/** Options with every default filled in. */
export interface ResolvedRedisOptions {
  readonly url: string | (() => string | Promise<string>);
  readonly tls: TlsOptions;
  readonly target: string;
  readonly durability: RedisDurability;
  readonly acceptEviction: boolean;
  readonly positionPrefix: string;
  readonly recordBytesMax: number;
  readonly transactionBytesMax: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly layout: KeyLayout | StreamLayout;
}

const dayMs = 86_400_000;
const mebibyte = 1_048_576;
/** A script's arguments take at most half a gigabyte each. */
const byteCountMax = 256 * mebibyte;
const forms: readonly unknown[] = ['hash', 'json', 'stream'];
const durabilities: readonly unknown[] = ['always', 'everysec', 'none'];

/** Checks the options as a whole and fills in the defaults. @throws HW-REDIS-001 with the name of the option. */
export function resolveRedisOptions(options: RedisSinkOptions): ResolvedRedisOptions {
  const { url } = options;
  if (url === undefined) throw invalidOption('url', 'is undefined: set the variable that it is taken from');
  const form = options.form ?? 'hash';
  if (!forms.includes(form)) throw invalidOption('form', 'is none of hash, json, stream');
  const durability = options.durability ?? 'everysec';
  if (!durabilities.includes(durability)) throw invalidOption('durability', 'is none of always, everysec, none');
  return {
    url,
    tls: options.tls ?? {},
    target: options.target ?? describeTarget(url),
    durability,
    acceptEviction: options.acceptEviction ?? false,
    positionPrefix: options.positionPrefix ?? 'headwater:',
    recordBytesMax: checkCount('recordBytesMax', options.recordBytesMax ?? 64 * mebibyte, byteCountMax),
    transactionBytesMax: checkCount('transactionBytesMax', options.transactionBytesMax ?? 8 * mebibyte, byteCountMax),
    connectTimeoutMs: checkCount('connectTimeoutMs', options.connectTimeoutMs ?? 5_000),
    commandTimeoutMs: checkCount('commandTimeoutMs', options.commandTimeoutMs ?? 30_000),
    layout: options.form === 'stream' ? resolveStreams(options) : resolveKeys(options),
  };
}

function resolveStreams(options: RedisStreamOptions): StreamLayout {
  refuseForeign(options, ['prefix', 'keys', 'events', 'tombstoneMs'], 'belongs to the forms hash and json');
  if (options.stream === '') throw invalidOption('stream', 'is empty');
  return {
    form: 'stream',
    stream: options.stream,
    maxLength: options.maxLength === undefined ? 0 : checkCount('maxLength', options.maxLength),
  };
}

function resolveKeys(options: RedisKeyOptions): KeyLayout {
  refuseForeign(options, ['stream', 'maxLength'], 'belongs to the form stream');
  const { events, keys = {} } = options;
  const eventFields = ['key', 'type', 'tenant'];
  const eventPattern = events === undefined ? undefined : requirePattern('events', events);
  const unknown = eventPattern?.names.find((name) => !eventFields.includes(name));
  if (unknown !== undefined)
    throw invalidOption('events', `names {${unknown}}, which is none of {key}, {type}, {tenant}`);
  return {
    form: options.form ?? 'hash',
    prefix: options.prefix ?? '',
    keys: new Map(Object.entries(keys).map(([table, text]) => [table, requirePattern(`keys.${table}`, text)])),
    events: eventPattern,
    tombstoneMs: checkCount('tombstoneMs', options.tombstoneMs ?? dayMs),
  };
}

/** Without a place for a value, all rows would share one key. */
function requirePattern(option: string, text: string): KeyPattern {
  const pattern = parseKeyPattern(text);
  if (pattern !== undefined && pattern.names.length > 0) return pattern;
  throw invalidOption(option, 'is no key pattern: a text with {column} in it');
}

/** The user's code may be JavaScript. */
function refuseForeign(options: RedisSinkOptions, names: readonly string[], reason: string): void {
  const name = names.find((candidate) => Reflect.get(options, candidate) !== undefined);
  if (name !== undefined) throw invalidOption(name, reason);
}

function describeTarget(url: string | (() => string | Promise<string>)): string {
  if (typeof url !== 'string')
    throw invalidOption('target', 'is missing: a line that says where a function as `url` leads');
  const { database, host, port } = parseRedisUrl(url);
  return `${host}:${port}/${database}`;
}

function checkCount(name: string, value: number, max = 0x7fff_ffff): number {
  if (Number.isSafeInteger(value) && value > 0 && value <= max) return value;
  throw invalidOption(name, `is no whole number from 1 to ${max}`);
}

function invalidOption(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-REDIS-001', `the option "${option}" of the Redis sink ${reason}`, {
    details: { option },
  });
}
