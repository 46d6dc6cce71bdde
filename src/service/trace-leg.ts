import { isForLane } from '../delivery/lane-copy.ts';
import type { LaneGap } from '../journal/lane-gap.ts';
import type { ResolvedLaneOptions } from '../delivery/lane-options.ts';
import type { OutboundRecord } from '../delivery/sink.ts';
import type { LaneReport, ReportedError } from './status-report.ts';

/** How far a lane is, from the running Headwater or from the state that a stopped one left. */
export interface TracedLane {
  readonly name: string;
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
}

/**
 * What has become of a record on its way to one sink.
 * - `acknowledged`: the checkpoint has passed it, and the lane takes it. When that was is not recorded.
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
  readonly outcome: 'acknowledged' | 'waiting' | 'left-out' | 'before-start' | 'lost' | 'never-started' | 'unknown';
  /** Which part leaves it out; null otherwise. */
  readonly leftOutBy: 'filter' | 'sink' | 'copy' | null;
  /** State of the lane now. */
  readonly laneState: TracedLane['state'];
  /** Transactions that the lane delivers first; null unless waiting. */
  readonly transactionsBefore: string | null;
  /** Why the lane does not get on; null when nothing fails. */
  readonly error: ReportedError | null;
}

/** The leg of one record to one lane. Calls the lane's filter and nothing else. @throws what the filter throws */
export function planLeg(
  { record, header }: Pick<OutboundRecord, 'record' | 'header'>,
  lane: TracedLane,
  options: ResolvedLaneOptions,
): TraceLeg {
  const { name, sink, target, sequence, recordCount, origin, gap, state } = lane;
  const leg = { lane: name, sink, target, laneState: state, leftOutBy: null, transactionsBefore: null, error: null };
  if (state === 'unknown') return { ...leg, outcome: 'unknown' };
  if (sequence === undefined || origin === undefined) return { ...leg, outcome: 'never-started', error: lane.error };
  if (header.sequence <= origin) return { ...leg, outcome: 'before-start' };
  if (gap !== undefined && header.sequence >= gap.firstLost && header.sequence <= gap.lastLost) {
    return { ...leg, outcome: 'lost', error: lane.error };
  }
  const leftOutBy = findLeaver({ record, header }, name, options);
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
