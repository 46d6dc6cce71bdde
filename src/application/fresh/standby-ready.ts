import { type Clock, systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { formatLsn, type Lsn, parseLsn } from '../../model/lsn.ts';
import { decodeVersionToken, findTokenEntry, type TokenEntry } from '../../model/version-token.ts';
import type { DatabaseHandle } from '../../postgres/database-handle.ts';
import { recognizeDatabaseHandle } from '../../postgres/recognize-database.ts';
import { explainPlaceError } from '../../postgres/source-place.ts';
import { standbyPlaceStatement } from '../../postgres/standby-place.sql.ts';

/** How a standby is waited for. */
export interface StandbyReadyOptions {
  /** Default 2000 ms. 0: only a look. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

/** How far the server that was asked is. */
export interface StandbyFreshness {
  /** False: it was a primary, which is always fresh. */
  readonly isStandby: boolean;
  readonly replayedLsn: Lsn;
  readonly waitedMs: number;
}

const firstDelayMs = 1;
const maxDelayMs = 100;

/**
 * Resolves when the server behind a pool has replayed everything that a version token stands for: a physical standby, or a primary, which
 * has it all. Asks again with growing delays. Every connection of the pool must lead to the same server: what is read afterwards
 * is read on any of them.
 * @throws HW-TOKEN-001, -002; HW-TOKEN-003, -004 for another system or timeline; HW-TOKEN-005 with the lag in bytes after `timeoutMs`;
 * HW-TOKEN-006 without the right to ask; HW-TRANSACT-002; the driver's errors. Rejects with `signal.reason` on cancel.
 */
export async function standbyReadyFor(
  database: object,
  token: string,
  { clock = systemClock, signal, timeoutMs = 2000 }: StandbyReadyOptions = {},
): Promise<StandbyFreshness> {
  const entries = decodeVersionToken(token);
  const handle = recognizeDatabaseHandle(database);
  if (handle === undefined)
    throw new HeadwaterError('HW-TRANSACT-002', 'a standby cannot be asked through this object');
  if (handle.readsElsewhere === true) {
    const message = 'a standby cannot be asked through an object that reads from one server and writes to another';
    throw new HeadwaterError('HW-TRANSACT-002', message, { hint: 'Pass one that leads to the standby alone.' });
  }
  const startedMs = clock.monotonicMs();
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(2 * delayMs, maxDelayMs)) {
    signal?.throwIfAborted();
    const place = await readPlace(handle);
    const entry = matchEntry(entries, place);
    const waitedMs = clock.monotonicMs() - startedMs;
    if (place.lsn >= entry.lsn) return { isStandby: place.isStandby, replayedLsn: place.lsn, waitedMs };
    if (waitedMs + delayMs > timeoutMs) throw notReplayed(entry, place.lsn);
    await clock.sleep(delayMs, signal);
  }
}

interface StandbyPlace {
  readonly isStandby: boolean;
  readonly lsn: Lsn;
  readonly timeline: number;
  readonly systemId: string;
}

async function readPlace(handle: Pick<DatabaseHandle, 'query'>): Promise<StandbyPlace> {
  try {
    const [row] = await handle.query(standbyPlaceStatement, []);
    return {
      isStandby: row?.['standby'] === 'true',
      lsn: parseLsn(String(row?.['lsn'])),
      timeline: Number(row?.['timeline']),
      systemId: String(row?.['system']),
    };
  } catch (thrown) {
    throw explainPlaceError(thrown);
  }
}

function matchEntry(entries: readonly TokenEntry[], { systemId, timeline }: StandbyPlace): TokenEntry {
  const entry = findTokenEntry(entries, systemId);
  const details = { systemId, timeline };
  if (entry === undefined) {
    throw new HeadwaterError('HW-TOKEN-003', `the token is of another system than this server, ${systemId}`, {
      details,
    });
  }
  if (entry.timeline === timeline) return entry;
  const message = `the token is of timeline ${entry.timeline}, the server is on ${timeline}`;
  throw new HeadwaterError('HW-TOKEN-004', message, { details });
}

function notReplayed(entry: TokenEntry, lsn: Lsn): HeadwaterError {
  const lagBytes = Number(entry.lsn - lsn);
  const message = `the standby has replayed up to ${formatLsn(lsn)}, ${lagBytes} bytes before the token`;
  return new HeadwaterError('HW-TOKEN-005', message, { details: { boundary: 'standby', lagBytes } });
}
