import { HeadwaterError } from '../foundation/error.ts';
import type { Logger } from '../foundation/logger.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import { readLaneGap, removeLaneGap } from '../journal/lane-gap.ts';
import type { StateStore } from '../journal/state-store.ts';
import { toInstant } from '../foundation/clock.ts';
import type { Sequence } from '../model/position.ts';
import { type Checkpoint, checkpointBehind, isSameCheckpoint } from './checkpoint.ts';
import { digestFunctions } from './function-digest.ts';
import {
  type ConfiguredLane,
  decideIdentity,
  describeStart,
  type IdentityDecision,
  type LaneIdentity,
} from './lane-identity.ts';
import type { LaneStart, ResolvedLaneOptions } from './lane-options.ts';
import { listLanes, readCheckpoint, removeLane, renameLane, writeCheckpoint, writeLane } from './lane-store.ts';
import type { Parking } from './parking/parking.ts';
import { removeParked } from './parking/parked-store.ts';
import type { Sink } from './sink.ts';
import { assertCheckpointFits, resolveStart } from './start-resolution.ts';

/** A lane and where its state is. */
export interface LanePlace {
  readonly reader: JournalReader;
  readonly states: StateStore;
  readonly laneName: string;
  readonly options: ResolvedLaneOptions;
  /** The names of all lanes of the configuration: a recorded one that is missing may be this one's former name. */
  readonly configuredNames: readonly string[];
  readonly logger: Logger;
}

/** A lane as the state beside the journal has it. */
export interface RecordedLane {
  readonly identity: LaneIdentity;
  /** What the state beside the journal says. */
  readonly checkpoint: Checkpoint;
}

/**
 * Finds the lane in the state, or records it anew with its start resolved, so that `now` stays the same now after a restart.
 * A new name or revision that the configuration says to go on with is recorded in one step.
 * @throws HW-LANE-001 … 007, -018, -019: refusals by name, nothing changed.
 */
export async function recordLane(place: LanePlace): Promise<RecordedLane> {
  const { reader, states, laneName, options } = place;
  const { start } = options;
  const configured = toConfigured(place);
  const decision = decideIdentity(configured, { recorded: listLanes(states), configuredNames: place.configuredNames });
  if (decision.kind === 'known') recordChanges(place, decision);
  const extent = await reader.extent();
  const found = decision.kind === 'known' ? decision.identity : undefined;
  if (found !== undefined && options.sink.isRebuilt === true && reachesBack(found, { start, first: extent.first })) {
    const checkpoint = checkpointBehind(reader.journalId, found.origin);
    // What retention counts on goes back with the lane.
    writeCheckpoint(states, laneName, checkpoint);
    return { identity: found, checkpoint };
  }
  const known = found !== undefined && options.sink.isRebuilt !== true ? readCheckpoint(states, laneName) : undefined;
  if (found !== undefined && known !== undefined) return { identity: found, checkpoint: known };

  const located = typeof start === 'object' ? await reader.locateTime(toInstant(start.at.getTime())) : extent.last;
  const checkpoint = resolveStart(start, {
    journalId: reader.journalId,
    first: extent.first,
    last: extent.last,
    located,
  });
  const { name, sinkKind, target, revision, functionDigest } = configured;
  const identity: LaneIdentity = {
    name,
    sinkKind,
    target,
    revision,
    start: describeStart(start),
    origin: checkpoint.sequence,
    originalName: decision.kind === 'known' ? decision.identity.originalName : name,
    functionDigest,
  };
  removeLaneGap(states, laneName);
  removeParked(states, laneName);
  // The identity comes last: without it, the next start resolves the start again.
  writeCheckpoint(states, laneName, checkpoint);
  writeLane(states, identity);
  if (decision.kind === 'new' && decision.givesUp !== undefined) removeLane(states, decision.givesUp);
  return { identity, checkpoint };
}

/**
 * Whether a lane that is rebuilt can begin again where it began: the journal holds everything since, and it is still to begin
 * there. Otherwise it begins anew by its start: with a new copy, or at the oldest that is kept. Pure.
 */
function reachesBack(
  recorded: LaneIdentity,
  { start, first }: { readonly start: LaneStart; readonly first: Sequence },
): boolean {
  return recorded.start === describeStart(start) && recorded.origin + 1n >= first;
}

function toConfigured({ laneName, options }: LanePlace): ConfiguredLane {
  const { sink, revision, replaces, renamedFrom, continuesRevision, onChangedFunctions } = options;
  return {
    name: laneName,
    sinkKind: sink.kind,
    target: sink.target,
    revision,
    functionDigest: digestFunctions(options),
    replaces,
    renamedFrom,
    continuesRevision,
    onChangedFunctions,
  };
}

function recordChanges(
  { logger, states }: LanePlace,
  { identity, recorded }: Extract<IdentityDecision, { readonly kind: 'known' }>,
): void {
  const lane = identity.name;
  if (recorded.name !== lane) {
    renameLane(states, recorded.name, identity);
    logger.warn('lane goes on under another name', { lane, former: recorded.name });
  } else if (recorded.revision !== identity.revision || recorded.functionDigest !== identity.functionDigest) {
    writeLane(states, identity);
  }
  if (recorded.revision !== identity.revision) {
    logger.warn('lane goes on with another revision', { lane, former: recorded.revision, revision: identity.revision });
  } else if (recorded.functionDigest !== undefined && recorded.functionDigest !== identity.functionDigest) {
    logger.warn('lane goes on with functions that read otherwise', { lane, revision: identity.revision });
  }
}

/** Where an open sink goes on. */
export interface FoundStart {
  readonly from: Checkpoint;
  /** Whether the sink itself holds it. */
  readonly wasHeld: boolean;
}

/**
 * Where an open sink goes on: at its own checkpoint if it keeps one, else at the recorded one.
 * @throws HW-LANE-001 other journal, HW-LANE-002 ahead of it, HW-LANE-003 behind its oldest transaction, HW-LANE-008 a sink
 * that lost its checkpoint, HW-JOURNAL-014 when retention gave the lane up; HW-SINK codes of the sink.
 */
export async function findStart(
  place: LanePlace,
  sink: Sink,
  recorded: Checkpoint,
  signal: AbortSignal,
): Promise<FoundStart> {
  const held = sink.capabilities.checkpointIn === 'lane' ? undefined : await sink.readCheckpoint(signal);
  if (sink.capabilities.checkpointIn === 'sink' && held === undefined && recorded.commitEndLsn > 0n) {
    const message = `lane "${place.laneName}" has delivered up to sequence ${recorded.sequence}, and the sink knows nothing of it`;
    throw new HeadwaterError('HW-LANE-008', message, { details: { sequence: String(recorded.sequence) } });
  }
  const from = held ?? recorded;
  const { first } = await place.reader.extent();
  assertAttached(place, from, first);
  assertCheckpointFits(from, { journalId: place.reader.journalId, first, last: place.reader.durableEnd.sequence });
  return { from: isSameCheckpoint(from, recorded) ? recorded : from, wasHeld: held !== undefined };
}

/** A lane that was given up is refused as that, not as one that found the journal too short. */
function assertAttached({ states, laneName }: LanePlace, from: Checkpoint, first: Sequence): void {
  const gap = readLaneGap(states, laneName, from.sequence);
  if (gap === undefined) return;
  const lastLost = first - 1n > gap.lastLost ? first - 1n : gap.lastLost;
  const message = `lane "${laneName}" was detached at sequence ${from.sequence}: ${from.sequence + 1n}–${lastLost} are gone`;
  throw new HeadwaterError('HW-JOURNAL-014', message, {
    details: { lane: laneName, gapFrom: String(from.sequence + 1n), gapTo: String(lastLost) },
  });
}

/** A store that cannot say goodbye changes nothing: what it acknowledged, it has. */
export async function closeSink(sink: Sink): Promise<void> {
  try {
    await sink[Symbol.asyncDispose]();
  } catch {
    return;
  }
}

/**
 * Makes the list of parked records fit an open sink; undefined where the sink cannot take a record later.
 * @throws HW-LANE-015 when such a lane is to park all the same, HW-LANE-017
 */
export async function attachParking(
  { options, laneName, reader }: LanePlace,
  sink: Sink,
  parking: Parking,
  from: Checkpoint,
): Promise<Parking | undefined> {
  const { unit, checkpointIn, takesParked = true } = sink.capabilities;
  if (unit === 'transaction' || !takesParked) {
    if (options.onPoisoned !== 'park') return undefined;
    const message = `lane "${laneName}" is to park, and its sink ${options.sink.kind} takes whole transactions, or records in journal order only`;
    throw new HeadwaterError('HW-LANE-015', message, { details: { lane: laneName } });
  }
  const { first } = await reader.extent();
  parking.attach({ from, isHeldBySink: checkpointIn === 'sink', first, mayPark: options.onPoisoned !== 'stop' });
  return parking;
}
