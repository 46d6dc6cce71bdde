import { HeadwaterError } from '../foundation/error.ts';
import type { Sequence } from '../model/position.ts';
import type { LaneStart } from './lane-options.ts';

/** What a lane was when it was first started. Kept beside the journal, so that a change is noticed. */
export interface LaneIdentity {
  readonly name: string;
  readonly sinkKind: string;
  readonly target: string;
  readonly revision: number;
  /** `beginning`, `now`, `snapshot`, or a time in RFC 3339. Kept for people; a changed start does not move a lane. */
  readonly start: string;
  /** The sequence that it began behind; 0 is the very beginning of the journal. */
  readonly origin: Sequence;
}

/** What the configuration asks for. */
export interface ConfiguredLane extends Omit<LaneIdentity, 'start' | 'origin'> {
  readonly replaces: string | undefined;
}

/** What a configured lane is compared with. */
export interface KnownLanes {
  readonly recorded: readonly LaneIdentity[];
  /** The names of all lanes of the configuration. */
  readonly configuredNames: readonly string[];
}

/** What a configured lane is found to be. */
export type IdentityDecision =
  | { readonly kind: 'known'; readonly recorded: LaneIdentity }
  /** `givesUp` is the recorded lane whose place it takes. */
  | { readonly kind: 'new'; readonly givesUp: string | undefined };

/**
 * Whether a configured lane is one that is recorded, or a new one. Pure.
 * @throws HW-LANE-004 renamed, HW-LANE-005 other sink, HW-LANE-006 other revision: never a silent new lane.
 */
export function decideIdentity(lane: ConfiguredLane, { recorded, configuredNames }: KnownLanes): IdentityDecision {
  const known = recorded.find(({ name }) => name === lane.name);
  if (known !== undefined) {
    assertSameLane(known, lane);
    return { kind: 'known', recorded: known };
  }
  const former = recorded.filter(({ name }) => !configuredNames.includes(name));
  if (lane.replaces !== undefined) {
    return { kind: 'new', givesUp: former.some(({ name }) => name === lane.replaces) ? lane.replaces : undefined };
  }
  const renamed = former.find((candidate) => candidate.sinkKind === lane.sinkKind && candidate.target === lane.target);
  if (renamed === undefined) return { kind: 'new', givesUp: undefined };
  const message = `lane "${lane.name}" leads to ${lane.sinkKind} ${lane.target}, which is recorded as "${renamed.name}"`;
  throw new HeadwaterError('HW-LANE-004', message, { details: { recorded: renamed.name, configured: lane.name } });
}

/** The text of a start that is recorded. */
export function describeStart(start: LaneStart): string {
  return typeof start === 'string' ? start : start.at.toISOString();
}

function assertSameLane(known: LaneIdentity, lane: ConfiguredLane): void {
  if (known.sinkKind !== lane.sinkKind || known.target !== lane.target) {
    const message = `lane "${lane.name}" is recorded with ${known.sinkKind} ${known.target} and configured with ${lane.sinkKind} ${lane.target}`;
    throw new HeadwaterError('HW-LANE-005', message, { details: { recorded: known.target, configured: lane.target } });
  }
  if (known.revision !== lane.revision) {
    const message = `lane "${lane.name}" is recorded with revision ${known.revision} and configured with ${lane.revision}`;
    throw new HeadwaterError('HW-LANE-006', message, {
      details: { recorded: known.revision, configured: lane.revision },
    });
  }
}
