import type { SourceReport } from '../capture/source-report.ts';
import type { LaneStatus } from '../delivery/lane-status.ts';
import type { ParkedReport } from '../delivery/parking/parked-report.ts';
import {
  type SourcePlace,
  type TokenPlaces,
  tokenTimeoutMsDefault,
  type TokenWaitOptions,
} from '../delivery/token-places.ts';
import type { Clock } from '../foundation/clock.ts';
import { withDeadline } from '../foundation/deadline.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { BoundaryReport, Freshness, LaneBoundary, ReadyOptions } from '../model/freshness.ts';
import type { Sequence } from '../model/position.ts';

/** What of a lane is asked. */
export interface FollowedLane {
  readonly name: string;
  status(): LaneStatus;
  readonly parked: ParkedReport;
  reach(sequence: Sequence, signal?: AbortSignal): Promise<void>;
}

/** Where tokens lie, and the lanes that follow. */
export interface FreshReadsOptions {
  readonly tokens: TokenPlaces;
  readonly lanes: readonly FollowedLane[];
  readonly clock: Clock;
}

/** Answers whether the store behind a lane shows what a version token stands for. */
export class FreshReads {
  readonly #options: FreshReadsOptions;

  constructor(options: FreshReadsOptions) {
    this.#options = options;
  }

  /** As `Headwater.readyFor`. */
  async readyFor(lane: FollowedLane, token: string, options: ReadyOptions = {}): Promise<Freshness> {
    const { clock, tokens } = this.#options;
    const { parked = 'refuse', signal, timeoutMs = tokenTimeoutMsDefault } = options;
    const startedMs = clock.monotonicMs();
    const sequence = await tokens.locate(token, { timeoutMs, signal });
    const leftMs = timeoutMs - (clock.monotonicMs() - startedMs);
    await this.#reach(lane, sequence, { timeoutMs: Math.max(0, leftMs), signal });
    const parkedCount = countParked(lane, sequence);
    if (parkedCount > 0 && parked === 'refuse') {
      const message = `lane "${lane.name}" has ${parkedCount} parked records that the token may stand for`;
      throw new HeadwaterError('HW-TOKEN-007', message, { details: { lane: lane.name, parkedCount } });
    }
    return { ...freshnessOf(lane), parkedCount, waitedMs: clock.monotonicMs() - startedMs };
  }

  /** As `Headwater.readBoundaries`. */
  async readBoundaries(token: string): Promise<BoundaryReport> {
    const sequence = await this.#options.tokens.look(token);
    const lanes = this.#options.lanes.map((lane) => describeBoundary(lane, sequence));
    return { journal: sequence === undefined ? 'pending' : 'journaled', lanes };
  }

  async #reach(lane: FollowedLane, sequence: Sequence, { signal, timeoutMs = 0 }: TokenWaitOptions): Promise<void> {
    const { clock } = this.#options;
    const onTimeout = (): HeadwaterError => notFresh(lane, sequence);
    await withDeadline({ clock, timeoutMs, signal, onTimeout }, (ended) => lane.reach(sequence, ended));
  }
}

/** The history that capture follows; undefined before it has met its source. */
export function sourcePlaceOf(report: SourceReport | undefined): SourcePlace | undefined {
  const { systemId, timeline } = report ?? {};
  return systemId === undefined || timeline === undefined ? undefined : { systemId, timeline };
}

/** How far a lane is, with its lag. */
export function freshnessOf(lane: Pick<FollowedLane, 'name' | 'status'>): Omit<Freshness, 'parkedCount' | 'waitedMs'> {
  const { checkpoint, lag } = lane.status();
  return {
    lane: lane.name,
    position: {
      sequence: checkpoint?.sequence ?? 0n,
      commitEndLsn: checkpoint?.commitEndLsn ?? 0n,
      commitTimeMicros: checkpoint?.commitTimeMicros ?? 0n,
    },
    lag: { transactionCount: lag.transactionCount, ageMs: lag.ageMs },
  };
}

function notFresh(lane: FollowedLane, sequence: Sequence): HeadwaterError {
  const { lag, position } = freshnessOf(lane);
  const missing = sequence - position.sequence;
  const message = `lane "${lane.name}" is at sequence ${position.sequence}, ${missing} transactions before the token`;
  return new HeadwaterError('HW-TOKEN-005', message, {
    details: { boundary: 'lane', lane: lane.name, lagTransactions: Number(missing), lagMs: lag.ageMs },
  });
}

/** What was dropped by somebody will not come and is on record; what is parked may still. */
function countParked({ parked }: FollowedLane, sequence: Sequence): number {
  return [...parked.keys, ...parked.waiting].filter((record) => record.sequence <= sequence).length;
}

function describeBoundary(lane: FollowedLane, sequence: Sequence | undefined): LaneBoundary {
  const status = lane.status();
  const described = { lane: lane.name, sink: status.sinkKind };
  if (sequence === undefined || (status.checkpoint?.sequence ?? -1n) < sequence)
    return { ...described, state: 'pending' };
  return { ...described, state: countParked(lane, sequence) > 0 ? 'parked' : 'applied' };
}
