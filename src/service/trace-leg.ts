import { isForLane } from '../delivery/lane-copy.ts';
import type { LaneGap } from '../journal/lane-gap.ts';
import type { ResolvedLaneOptions } from '../delivery/lane-options.ts';
import type { OutboundRecord } from '../delivery/sink.ts';
import type { SetAside } from './set-aside.ts';
import type { LaneReport, ReportedError } from './status-report.ts';

/** How far a lane is, from the running Headwater or from the state that a stopped one left. */
export interface TracedLane {
  readonly name: string;
  /** By which copies are made for it. */
  readonly originalName: string;
  readonly sink: string;
  readonly target: string;
  /** `not-running`: no Headwater runs. `unknown`: one does, and cannot be asked. */
  readonly state: LaneReport['state'] | 'not-running' | 'unknown';
  /** The sequence that it began behind; undefined: it was never started, or nobody can say. */
  readonly origin: bigint | undefined;
  /** Everything up to `sequence`, and `recordCount` records of the next transaction, is acknowledged. */
  readonly sequence: bigint | undefined;
  readonly recordCount: number;
  readonly gap: LaneGap | undefined;
  readonly error: ReportedError | null;
  /** Records that the checkpoint passed, or is to pass, undelivered: parked, waiting behind one that is, or dropped. */
  readonly aside: readonly SetAside[];
}

/**
 * What has become of a record on its way to one sink.
 * - `acknowledged`: the checkpoint has passed it, and the lane takes it. When that was is not recorded.
 * - `parked`: the sink refused it; it and what waits behind it are in the journal until it is retried or dropped.
 * - `behind-parked`: it waits behind a parked record of its key, or is on its way to the sink again.
 * - `dropped`: somebody gave it up, for the reason on record.
 * - `waiting`: the lane takes it and has not come to it, or tries it now.
 * - `left-out`: the lane's filter, its sink, or a copy that is for other lanes leaves it out.
 * - `before-start`: the lane began behind it.
 * - `lost`: retention gave the lane up in front of it.
 * - `never-started`, `unknown`: nothing is recorded of the lane, or nobody could be asked.
 */
export interface TraceLeg {
  readonly lane: string;
  readonly sink: string;
  readonly target: string;
  readonly outcome:
    | 'acknowledged'
    | 'parked'
    | 'behind-parked'
    | 'dropped'
    | 'waiting'
    | 'left-out'
    | 'before-start'
    | 'lost'
    | 'never-started'
    | 'unknown';
  /** Which part leaves it out; null otherwise. */
  readonly leftOutBy: 'filter' | 'sink' | 'copy' | null;
  /** State of the lane now. */
  readonly laneState: TracedLane['state'];
  /** Transactions that the lane delivers first; null unless waiting. */
  readonly transactionsBefore: string | null;
  /** Id of the parked record that it waits behind; null otherwise, and when it is on its way to the sink again. */
  readonly behind: string | null;
  /** Why it was dropped; null otherwise. */
  readonly reason: string | null;
  /** Why the lane does not get on, or why the record is parked; null when nothing fails. */
  readonly error: ReportedError | null;
}

/** The leg of one record to one lane. Calls the lane's filter and nothing else. @throws what the filter throws */
export function planLeg(
  { record, header }: Pick<OutboundRecord, 'record' | 'header'>,
  lane: TracedLane,
  options: ResolvedLaneOptions,
): TraceLeg {
  const { name, sink, target, sequence, recordCount, origin, gap, state } = lane;
  const nothing = { leftOutBy: null, transactionsBefore: null, behind: null, reason: null, error: null };
  const leg = { lane: name, sink, target, laneState: state, ...nothing };
  if (state === 'unknown') return { ...leg, outcome: 'unknown' };
  if (sequence === undefined || origin === undefined) return { ...leg, outcome: 'never-started', error: lane.error };
  if (header.sequence <= origin) return { ...leg, outcome: 'before-start' };
  if (gap !== undefined && header.sequence >= gap.firstLost && header.sequence <= gap.lastLost) {
    return { ...leg, outcome: 'lost', error: lane.error };
  }
  const aside = lane.aside.find((one) => one.sequence === header.sequence && one.ordinal === record.ordinal);
  if (aside !== undefined) {
    return { ...leg, outcome: aside.kind, behind: aside.behind, reason: aside.reason, error: aside.error };
  }
  const leftOutBy = findLeaver({ record, header }, lane.originalName, options);
  if (leftOutBy !== null) return { ...leg, outcome: 'left-out', leftOutBy };
  const isPassed = header.sequence <= sequence || (header.sequence === sequence + 1n && record.ordinal < recordCount);
  if (isPassed) return { ...leg, outcome: 'acknowledged' };
  return {
    ...leg,
    outcome: 'waiting',
    transactionsBefore: String(header.sequence - sequence - 1n),
    error: lane.error,
  };
}

function findLeaver(
  { record, header }: Pick<OutboundRecord, 'record' | 'header'>,
  laneName: string,
  { filter, sink }: ResolvedLaneOptions,
): TraceLeg['leftOutBy'] {
  const isCopied = record.kind === 'read' || record.kind === 'truncate';
  if (isCopied && !isForLane(record, laneName)) return 'copy';
  if (sink.accepts?.(record) === false) return 'sink';
  return filter?.(record, header) === false ? 'filter' : null;
}
