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

/** Servers that were met; more of them than this are no pool of one primary. */
const knownServersMax = 16;

/**
 * Remembers the facts of servers by their timeline and crash mark, which are cheap to ask: another system has another mark, to the
 * microsecond, and the same server has the same facts as long as both stay.
 */
export class KnownServers {
  readonly #facts = new Map<string, SourceFacts>();

  /** The facts of the server that a row with `sourceMarkColumns` came from; undefined on a standby. Asks `read` once for each. */
  async find(row: ResultRow | undefined, read: () => Promise<ResultRow | undefined>): Promise<SourceFacts | undefined> {
    const { crash, timeline } = row ?? {};
    if (typeof timeline !== 'string') return undefined;
    const mark = `${timeline} ${String(crash)}`;
    const known = this.#facts.get(mark);
    if (known !== undefined) return known;
    const facts = readSourceFacts(await read());
    // Without a crash mark two servers could not be told apart by the next row.
    if (facts === undefined || typeof crash !== 'string') return facts;
    if (this.#facts.size >= knownServersMax) this.#facts.clear();
    if (facts.crashMark === crash) this.#facts.set(mark, facts);
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
  if (facts === undefined || typeof lsn !== 'string') {
    throw new HeadwaterError('HW-TOKEN-006', 'no version token can be taken on a standby');
  }
  return { systemId: facts.systemId, timeline: facts.timeline, xid, lsn: settleLsn(parseLsn(lsn), facts) };
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
