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
  /** The name that its sink, and copies that were made for it, know it by: its own, unless it was renamed. */
  readonly originalName: string;
  /** What tells its functions from others; undefined: it was recorded before that was noted. */
  readonly functionDigest?: string | undefined;
}

/** What the configuration asks for. */
export interface ConfiguredLane extends Omit<LaneIdentity, 'start' | 'origin' | 'originalName'> {
  readonly functionDigest: string;
  readonly replaces: string | undefined;
  readonly renamedFrom: string | undefined;
  readonly continuesRevision: number | undefined;
  readonly onChangedFunctions: 'refuse' | 'go-on';
}

/** What a configured lane is compared with. */
export interface KnownLanes {
  readonly recorded: readonly LaneIdentity[];
  /** The names of all lanes of the configuration. */
  readonly configuredNames: readonly string[];
}

/** What a configured lane is found to be. */
export type IdentityDecision =
  /** `identity` is what is recorded from now on. Another name than that of `recorded`: it was renamed. */
  | { readonly kind: 'known'; readonly recorded: LaneIdentity; readonly identity: LaneIdentity }
  /** `givesUp` is the recorded lane whose place it takes. */
  | { readonly kind: 'new'; readonly givesUp: string | undefined };

/**
 * Whether a configured lane is one that is recorded, perhaps under another name or with other functions as the configuration
 * says, or a new one. Pure.
 * @throws HW-LANE-004 renamed, HW-LANE-005 other sink, HW-LANE-006 other revision, HW-LANE-018 a name that is taken, HW-LANE-019
 * other functions: never a silent new lane, and never silently another content.
 */
export function decideIdentity(lane: ConfiguredLane, { recorded, configuredNames }: KnownLanes): IdentityDecision {
  const known = recorded.find(({ name }) => name === lane.name);
  if (known !== undefined) return continueLane(known, lane);
  const renaming = recorded.find(({ name }) => name === lane.renamedFrom);
  if (renaming !== undefined) {
    if (configuredNames.includes(renaming.name)) throw refuseName(lane, `"${renaming.name}" is configured too`);
    return continueLane(renaming, lane);
  }
  const namesake = recorded.find(({ originalName }) => originalName === lane.name);
  if (namesake !== undefined) throw refuseName(lane, `the sink of "${namesake.name}" knows that one by it`);
  const former = recorded.filter(({ name }) => !configuredNames.includes(name));
  if (lane.replaces !== undefined) {
    return { kind: 'new', givesUp: former.some(({ name }) => name === lane.replaces) ? lane.replaces : undefined };
  }
  const renamed = former.find((candidate) => candidate.sinkKind === lane.sinkKind && candidate.target === lane.target);
  if (renamed === undefined) return { kind: 'new', givesUp: undefined };
  const message = `lane "${lane.name}" leads to ${lane.sinkKind} ${lane.target}, which is recorded as "${renamed.name}"`;
  throw new HeadwaterError('HW-LANE-004', message, {
    details: { recorded: renamed.name, configured: lane.name },
    hint: `Choose: the old name again; \`renamedFrom: '${renamed.name}'\` to go on under the new one; \`replaces: '${renamed.name}'\` to begin anew.`,
  });
}

/** A lane goes on where it stood, with what is configured now, as far as the configuration says that this is meant. */
function continueLane(recorded: LaneIdentity, lane: ConfiguredLane): IdentityDecision {
  assertSameSink(recorded, lane);
  assertContinuedRevision(recorded, lane);
  assertSameFunctions(recorded, lane);
  const { name, revision, functionDigest } = lane;
  return { kind: 'known', recorded, identity: { ...recorded, name, revision, functionDigest } };
}

function refuseName({ name, renamedFrom }: ConfiguredLane, reason: string): HeadwaterError {
  return new HeadwaterError('HW-LANE-018', `lane "${name}" cannot have its name: ${reason}`, {
    details: { lane: name, renamedFrom: renamedFrom ?? null },
  });
}

/** The text of a start that is recorded. */
export function describeStart(start: LaneStart): string {
  return typeof start === 'string' ? start : start.at.toISOString();
}

function assertSameSink(known: LaneIdentity, lane: ConfiguredLane): void {
  if (known.sinkKind === lane.sinkKind && known.target === lane.target) return;
  const message = `lane "${lane.name}" is recorded with ${known.sinkKind} ${known.target} and configured with ${lane.sinkKind} ${lane.target}`;
  throw new HeadwaterError('HW-LANE-005', message, { details: { recorded: known.target, configured: lane.target } });
}

function assertContinuedRevision(known: LaneIdentity, { name, revision, continuesRevision }: ConfiguredLane): void {
  if (known.revision === revision || known.revision === continuesRevision) return;
  const message = `lane "${name}" is recorded with revision ${known.revision} and configured with ${revision}`;
  throw new HeadwaterError('HW-LANE-006', message, {
    details: { recorded: known.revision, configured: revision },
    hint: `Choose: \`revision: ${known.revision}\` with the functions of then; \`continuesRevision: ${known.revision}\` to go on with the new ones from here; another name with \`replaces: '${name}'\` to begin anew.`,
  });
}

/** A raised revision that goes on was said to mean other functions. */
function assertSameFunctions(known: LaneIdentity, lane: ConfiguredLane): void {
  const { name, functionDigest, revision } = lane;
  const isSame = known.functionDigest === undefined || known.functionDigest === functionDigest;
  if (isSame || known.revision !== revision || lane.onChangedFunctions === 'go-on') return;
  const message = `the filter, route, map or key of lane "${name}" reads otherwise than when revision ${revision} was recorded`;
  throw new HeadwaterError('HW-LANE-019', message, {
    details: { lane: name, revision },
    hint: `Choose: the functions of then; \`revision: ${revision + 1}, continuesRevision: ${revision}\` to go on with the new ones from here; another name with \`replaces: '${name}'\` to begin anew.`,
  });
}
