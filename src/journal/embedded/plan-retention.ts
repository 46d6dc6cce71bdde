import { type Sequence, toSequence } from '../../model/position.ts';

/** A sealed segment, as retention sees it. */
export interface SealedSegment {
  readonly number: number;
  readonly firstSequence: Sequence;
  /** `firstSequence` − 1 when it holds no transaction. */
  readonly lastSequence: Sequence;
  readonly byteCount: number;
  readonly sealedMs: number;
}

/** A lane that still has to read, as far as it has come. */
export interface RetainingLane {
  readonly name: string;
  /** Everything up to it is acknowledged. */
  readonly sequence: Sequence;
}

/** What the operator declared. */
export interface RetentionPolicy {
  readonly minimumAgeMs: number;
  readonly maxByteCount: number;
  readonly atLimit: 'stop-capture' | 'detach-lane';
}

/** What retention decides from. */
export interface RetentionInput {
  /** Oldest first, without the segment that is written to. */
  readonly sealed: readonly SealedSegment[];
  /** Of the whole journal, the open segment, indexes and spools included. */
  readonly byteCount: number;
  /** What may still be appended before the next look. */
  readonly headroomByteCount: number;
  /** Enabled lanes. */
  readonly lanes: readonly RetainingLane[];
  readonly policy: RetentionPolicy;
  readonly nowMs: number;
}

/** Old enough and passed; passed, at the limit; or taken from lanes that are given up. */
export type RemovalReason = 'aged' | 'limit' | 'detached';

/** A segment to remove, and why it may be. */
export interface Removal {
  readonly segment: SealedSegment;
  readonly reason: RemovalReason;
}

/** A lane that loses what it has not read. */
export interface Detachment {
  readonly lane: string;
  /** First and last transaction that the lane will not see. */
  readonly firstLost: Sequence;
  readonly lastLost: Sequence;
}

/** What retention does now. Removals come oldest first. */
export interface RetentionPlan {
  readonly removals: readonly Removal[];
  readonly detachments: readonly Detachment[];
  /** False: the journal is at its limit and what would have to go is still needed. */
  readonly mayCapture: boolean;
  /** The lanes that hold the oldest segment at the limit. */
  readonly blockingLanes: readonly string[];
  /** Used share of the limit after the removals; above 1 when it was passed. */
  readonly usedRatio: number;
}

/**
 * Decides what is removed. A segment goes when every lane has passed it and it is old enough; at the limit it goes as soon as every
 * lane has passed it; a segment that a lane still needs goes only by the policy `detach-lane`, which gives that lane up.
 */
export function planRetention(input: RetentionInput): RetentionPlan {
  const { policy, nowMs } = input;
  const removals: Removal[] = [];
  const lost = new Map<string, Detachment>();
  let byteCount = input.byteCount;
  let blockingLanes: readonly string[] = [];
  for (const segment of input.sealed) {
    const isOverLimit = byteCount + input.headroomByteCount > policy.maxByteCount;
    const isAged = nowMs - segment.sealedMs >= policy.minimumAgeMs;
    const behind = input.lanes.filter((lane) => lane.sequence < segment.lastSequence);
    const attached = behind.filter((lane) => !lost.has(lane.name));
    if (attached.length > 0 && isOverLimit && policy.atLimit === 'stop-capture') blockingLanes = namesOf(attached);
    const mayDetach = isOverLimit && policy.atLimit === 'detach-lane';
    if (attached.length > 0 ? !mayDetach : !isAged && !isOverLimit) break;
    for (const lane of behind) lost.set(lane.name, detachmentOf(lane, segment));
    const reason = behind.length > 0 ? 'detached' : isAged ? 'aged' : 'limit';
    removals.push({ segment, reason });
    byteCount -= segment.byteCount;
  }
  return {
    removals,
    detachments: [...lost.values()],
    mayCapture: byteCount + input.headroomByteCount <= policy.maxByteCount,
    blockingLanes,
    usedRatio: byteCount / policy.maxByteCount,
  };
}

function detachmentOf(lane: RetainingLane, segment: SealedSegment): Detachment {
  return { lane: lane.name, firstLost: toSequence(lane.sequence + 1n), lastLost: segment.lastSequence };
}

function namesOf(lanes: readonly RetainingLane[]): readonly string[] {
  return lanes.map(({ name }) => name);
}
