import { HeadwaterError } from '../foundation/error.ts';
import { type Lsn, parseLsn, toLsn } from '../model/lsn.ts';
import type { TokenEntry } from '../model/version-token.ts';
import { sqlStateOf } from './sql-state.ts';
import type { ResultRow } from './transaction-handle.ts';

/** Which server a statement ran on, and since which crash. */
export interface SourceFacts {
  readonly systemId: string;
  readonly timeline: number;
  /** Another value: it has recovered from a crash since, or its statistics were reset. */
  readonly crashMark: string;
  readonly walBlockByteCount: bigint;
  readonly walSegmentByteCount: bigint;
}

/** The columns of `sourceFactColumns`; undefined on a standby. */
export function readSourceFacts(row: ResultRow | undefined): SourceFacts | undefined {
  const { block, crash, segment, system, timeline } = row ?? {};
  if (typeof timeline !== 'string' || typeof system !== 'string') return undefined;
  return {
    systemId: system,
    timeline: Number.parseInt(timeline, 16),
    crashMark: String(crash),
    walBlockByteCount: BigInt(String(block)),
    walSegmentByteCount: BigInt(String(segment)),
  };
}

/** Processes of servers that are remembered at once: more than any pool has connections. */
const knownBackendsMax = 1024;

/**
 * Remembers the facts of a server by the process that answered, so that a unit of work asks for two cheap marks and not for all facts.
 * They hold for as long as the process lives:
 *
 *   system      belongs to the directory that the server runs on
 *   timeline    a primary changes it never; a standby does when it is promoted, and has no facts before
 *   crash mark  recovery from a crash ends every process of the server first
 *
 * A process is named by its id and the microsecond in which its server was started, which every row says anew. A connection does
 * not name it: behind a pooler, one connection of the client is served by another process, or another server, in each transaction.
 *
 * The id of a process may be given again behind a crash of the same server, and somebody may reset the statistics of the
 * background writer. What is remembered is older than the truth then, and a lost COMMIT ends in doubt (`server-crashed`): a mark
 * that differs never makes an outcome known.
 */
export class KnownServers {
  readonly #facts = new Map<string, SourceFacts>();

  /**
   * The facts of the server that `backend` answered for, which is what `backendMarks` gave; undefined on a standby. Asks `read` once for
   * each process, for the columns of `backendPlaceStatement`.
   */
  async find(backend: string, read: () => Promise<ResultRow | undefined>): Promise<SourceFacts | undefined> {
    const known = this.#facts.get(backend);
    if (known !== undefined) return known;
    const row = await read();
    const facts = readSourceFacts(row);
    // Nothing is remembered of a process that did not say it itself, nor without a mark of the last crash.
    if (facts === undefined || row?.['backend'] !== backend || typeof row['crash'] !== 'string') return facts;
    if (this.#facts.size >= knownBackendsMax) this.#facts.clear();
    this.#facts.set(backend, facts);
    return facts;
  }
}

/** What a token says of a place that was read behind a commit. @throws HW-TOKEN-006 on a standby */
export function toTokenEntry(
  row: ResultRow | undefined,
  facts: SourceFacts | undefined,
  xid: bigint | undefined,
): TokenEntry {
  const lsn = row?.['lsn'];
  return createTokenEntry(typeof lsn === 'string' ? parseLsn(lsn) : undefined, facts, xid);
}

/** The same for a location that was parsed. @throws HW-TOKEN-006 on a standby */
export function createTokenEntry(
  lsn: Lsn | undefined,
  facts: SourceFacts | undefined,
  xid: bigint | undefined,
): TokenEntry {
  if (facts === undefined || lsn === undefined) {
    throw new HeadwaterError('HW-TOKEN-006', 'no version token can be taken on a standby');
  }
  return { systemId: facts.systemId, timeline: facts.timeline, xid, lsn: settleLsn(lsn, facts) };
}

const pageHeaderByteCount = 24n;
const segmentHeaderByteCount = 40n;

/**
 * The insert location without the header of a page that holds nothing else: no record ends between the two, and a server that
 * has sent everything tells of the beginning of the page only, until somebody writes.
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/xlog_internal.h, XLogPageHeaderData
 */
export function settleLsn(
  lsn: Lsn,
  { walBlockByteCount, walSegmentByteCount }: Pick<SourceFacts, 'walBlockByteCount' | 'walSegmentByteCount'>,
): Lsn {
  if (lsn % walSegmentByteCount === segmentHeaderByteCount) return toLsn(lsn - segmentHeaderByteCount);
  return lsn % walBlockByteCount === pageHeaderByteCount ? toLsn(lsn - pageHeaderByteCount) : lsn;
}

/** Gives the error of a missing right its own code. */
export function explainPlaceError(thrown: unknown): unknown {
  if (sqlStateOf(thrown) !== '42501') return thrown;
  return new HeadwaterError('HW-TOKEN-006', 'the role may not ask where the server is', { cause: thrown });
}
