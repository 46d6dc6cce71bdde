import { HeadwaterError } from '../../../foundation/error.ts';
import type { RedisDurability } from './redis-options.ts';

/** What a server says of itself, as far as it lets this user ask. */
export interface ServerFacts {
  /** The lines of INFO; undefined when it may not be asked. */
  readonly report: ReadonlyMap<string, string> | undefined;
  /** The setting `appendfsync`; undefined when settings may not be asked. */
  readonly appendFsync: string | undefined;
}

/** What the lane asks of a server. */
export interface ServerDemands {
  readonly durability: RedisDurability;
  readonly acceptEviction: boolean;
}

/** Reads `name:value` lines; comments and blank lines are left out. */
export function parseServerReport(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
}

/**
 * Decides whether a server may be written to. Returns what should be known of one that may. Pure.
 * @throws HW-REDIS-003 a cluster, HW-REDIS-004 less durable than asked for, HW-REDIS-005 keys may be evicted, HW-REDIS-006 a
 * replica or one that loads, HW-REDIS-015 a Sentinel.
 */
export function checkServer(facts: ServerFacts, demands: ServerDemands): readonly string[] {
  const { report } = facts;
  if (report?.get('redis_mode') === 'cluster' || report?.get('cluster_enabled') === '1')
    throw new HeadwaterError('HW-REDIS-003', 'the server runs in cluster mode');
  if (report?.get('redis_mode') === 'sentinel') {
    const hint = 'Give the address of the primary, or of what leads to it, instead of the Sentinel’s.';
    throw new HeadwaterError('HW-REDIS-015', 'the server is a Sentinel, which holds no data', { hint });
  }
  // While Redis reads its append-only file it says of itself that it keeps none.
  if (report?.get('loading') === '1') throw new HeadwaterError('HW-REDIS-006', 'the server loads its data');
  if (report?.get('role') === 'slave') throw new HeadwaterError('HW-REDIS-006', 'the server is a replica');
  return [...checkEviction(facts, demands), ...checkDurability(facts, demands)];
}

function checkEviction({ report }: ServerFacts, { acceptEviction }: ServerDemands): readonly string[] {
  const policy = report?.get('maxmemory_policy') ?? '';
  const isLimited = report?.get('maxmemory') !== undefined && report.get('maxmemory') !== '0';
  if (!isLimited || !policy.startsWith('allkeys-')) return [];
  if (acceptEviction) return [`the server may drop keys by ${policy} when its memory is full`];
  throw new HeadwaterError('HW-REDIS-005', `the server has maxmemory-policy ${policy}`, { details: { policy } });
}

function checkDurability({ appendFsync, report }: ServerFacts, { durability }: ServerDemands): readonly string[] {
  if (durability === 'none')
    return report?.get('aof_enabled') === '1' ? [] : ['the server forgets its data at a restart'];
  const appendOnly = report?.get('aof_enabled');
  if (appendOnly === undefined) throw tooWeak(durability, 'it does not let this user ask with INFO');
  if (appendOnly !== '1') throw tooWeak(durability, 'its append-only file is off');
  if (appendFsync === 'always') return [];
  if (durability === 'always') {
    throw tooWeak(
      durability,
      appendFsync === undefined ? 'it does not let this user ask with CONFIG GET' : flushes(appendFsync),
    );
  }
  if (appendFsync === 'no') throw tooWeak(durability, flushes(appendFsync));
  return appendFsync === undefined
    ? ['the server does not say how often it flushes its append-only file']
    : ['the server may forget the last second of writes when its machine fails; they are delivered again'];
}

function flushes(appendFsync: string): string {
  return `it has appendfsync ${appendFsync}`;
}

function tooWeak(durability: RedisDurability, reason: string): HeadwaterError {
  const message = `the lane asks for durability "${durability}" of the server: ${reason}`;
  return new HeadwaterError('HW-REDIS-004', message, { details: { durability } });
}
