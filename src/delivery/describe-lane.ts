import type { HeadwaterError } from '../foundation/error.ts';
import type { Instant } from '../foundation/clock.ts';
import type { Sequence } from '../model/position.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Delivery } from './delivery.ts';
import type { LaneDependencies } from './lane-dependencies.ts';
import { awaitsOwnCopy, hasBegunLater, isForLane, type SourceCopies } from './lane-copy.ts';
import type { LaneIdentity } from './lane-identity.ts';
import type { ResolvedLaneOptions } from './lane-options.ts';
import type { LaneState } from './lane-state.ts';
import { conditionOf, type LaneCounts, type LaneFailure, type LaneLag, type LaneStatus } from './lane-status.ts';
import type { Parking } from './parking/parking.ts';

/** What is known of a lane at a moment. */
export interface LaneParts {
  readonly laneName: string;
  readonly options: ResolvedLaneOptions;
  readonly state: LaneState;
  readonly since: Instant;
  readonly identity: LaneIdentity | undefined;
  readonly copies: SourceCopies;
  readonly counts: LaneCounts;
  readonly lastFailure: LaneFailure | undefined;
  readonly checkpoint: Checkpoint | undefined;
  readonly delivery: Pick<Delivery, 'pendingRecordCount' | 'pendingByteCount' | 'oldestPendingMicros'> | undefined;
  readonly parking: Pick<Parking, 'poisonedCount' | 'recordCount'>;
  readonly durableEnd: Sequence;
  /** Commit time of the oldest transaction of the journal when the lane began. */
  readonly oldestKnownMicros: bigint | undefined;
  readonly now: Instant;
}

/** What a lane does and how far it is, in one snapshot. Pure. */
export function describeLane(parts: LaneParts): LaneStatus {
  const { options, counts, identity, laneName, parking } = parts;
  const originalName = identity?.originalName ?? laneName;
  const { copiedLanes, copiedThrough } = parts.copies;
  const uncopiedTables = parts.copies.uncopiedTables.filter((table) => isForLane(table, originalName));
  const { foreignMessages, adoptedOutboxChanges, outboxChanges } = counts;
  const beganLater = hasBegunLater(identity);
  const hasTakenCopies =
    (parts.checkpoint?.sequence ?? 0n) >= copiedThrough && !awaitsOwnCopy(originalName, identity, copiedLanes);
  return {
    name: parts.laneName,
    originalName,
    sinkKind: options.sink.kind,
    target: options.sink.target,
    condition: conditionOf(parts.state),
    since: parts.since,
    checkpoint: parts.checkpoint,
    lag: describeLag(parts),
    lastFailure: parts.lastFailure,
    deliveredCount: counts.delivered,
    filteredCount: counts.filtered,
    retryCount: counts.retries,
    parkedKeyCount: parking.poisonedCount,
    parkedRecordCount: parking.recordCount,
    leftOut: { foreignMessages, adoptedOutboxChanges, outboxChanges },
    isComplete: uncopiedTables.length === 0 && !beganLater && hasTakenCopies,
    uncopiedTables,
    origin: identity?.origin,
    beganLater,
  };
}

/** What went wrong, for the log. */
export function logFailure(
  { laneName, logger, options }: Pick<LaneDependencies, 'laneName' | 'logger' | 'options'>,
  error: HeadwaterError,
  recordId: string | undefined,
): void {
  const { code, message } = error;
  const fields = { lane: laneName, sink: options.sink.kind, code, error: message, record: recordId };
  if (error.policy === 'stop') logger.error('lane failed', fields);
  else logger.warn('lane tries again', fields);
}

function describeLag({ checkpoint, delivery, durableEnd, oldestKnownMicros, now }: LaneParts): LaneLag {
  const isAtEnd = checkpoint === undefined || checkpoint.sequence >= durableEnd;
  const transactionCount = isAtEnd ? 0n : durableEnd - checkpoint.sequence;
  const acknowledgedMicros =
    checkpoint !== undefined && checkpoint.commitTimeMicros > 0n ? checkpoint.commitTimeMicros : undefined;
  const oldestMicros = delivery?.oldestPendingMicros ?? acknowledgedMicros ?? oldestKnownMicros;
  const isCaughtUp = transactionCount === 0n || oldestMicros === undefined;
  return {
    transactionCount,
    pendingRecordCount: delivery?.pendingRecordCount ?? 0,
    pendingByteCount: delivery?.pendingByteCount ?? 0,
    ageMs: isCaughtUp ? 0 : Math.max(0, now - Number(oldestMicros / 1000n)),
  };
}
