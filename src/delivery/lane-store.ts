import { HeadwaterError } from '../foundation/error.ts';
import { editRenamedGap, removeLaneGap } from '../journal/lane-gap.ts';
import type { StateDurability, StateEdit, StateStore } from '../journal/state-store.ts';
import { toSequence } from '../model/position.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-text.ts';
import type { LaneIdentity } from './lane-identity.ts';
import { editRenamedParked, removeParked } from './parking/parked-store.ts';

const identityKind = 'lane';
const checkpointKind = 'checkpoint';
/** 2: the lane was renamed, and a release that knows nothing of that must not open its sink by the new name. */
const identityVersions: readonly unknown[] = [1, 2];

/** All lanes that were ever started and not given up. @throws HW-LANE-007 */
export function listLanes(store: StateStore): readonly LaneIdentity[] {
  return store.list(identityKind).map(([name, text]) => decodeIdentity(name, text));
}

/** Records a lane. Durable when it returns. */
export function writeLane(store: StateStore, lane: LaneIdentity): void {
  store.change([editLane(lane)]);
}

/** Gives a lane, and everything that is recorded of it, another name. Durable as a whole when it returns. */
export function renameLane(store: StateStore, formerName: string, lane: LaneIdentity): void {
  const move = (kind: string): readonly StateEdit[] => [
    { kind, name: lane.name, text: store.read(kind, formerName) },
    { kind, name: formerName, text: undefined },
  ];
  store.change([
    ...move(checkpointKind),
    ...editRenamedGap(store, formerName, lane.name),
    ...editRenamedParked(store, formerName, lane.name),
    { kind: identityKind, name: formerName, text: undefined },
    editLane(lane),
  ]);
}

function editLane(lane: LaneIdentity): StateEdit {
  const version = lane.originalName === lane.name ? 1 : 2;
  return {
    kind: identityKind,
    name: lane.name,
    text: JSON.stringify({ version, ...lane, origin: String(lane.origin) }),
  };
}

/** Gives a lane up: it holds the journal no longer, and its name may be used anew. */
export function removeLane(store: StateStore, name: string): void {
  store.remove(checkpointKind, name);
  removeParked(store, name);
  removeLaneGap(store, name);
  store.remove(identityKind, name);
}

/** The saved checkpoint of a lane; undefined when there is none. @throws HW-LANE-007 */
export function readCheckpoint(store: StateStore, laneName: string): Checkpoint | undefined {
  const text = store.read(checkpointKind, laneName);
  return text === undefined ? undefined : decodeCheckpoint(text);
}

/** @param durability as the state store has it: `flushed` by default */
export function writeCheckpoint(
  store: StateStore,
  laneName: string,
  checkpoint: Checkpoint,
  durability?: StateDurability,
): void {
  store.write(checkpointKind, laneName, encodeCheckpoint(checkpoint), durability);
}

function decodeIdentity(name: string, text: string): LaneIdentity {
  const value = parseObject(text);
  const { version, sinkKind, target, revision, start, origin, originalName = name, functionDigest } = value;
  const isReadable =
    identityVersions.includes(version) &&
    typeof originalName === 'string' &&
    (functionDigest === undefined || typeof functionDigest === 'string') &&
    typeof sinkKind === 'string' &&
    typeof target === 'string' &&
    typeof revision === 'number' &&
    typeof start === 'string' &&
    typeof origin === 'string' &&
    /^\d{1,19}$/.test(origin);
  if (!isReadable) throw new HeadwaterError('HW-LANE-007', `the record of lane "${name}" cannot be read`);
  return {
    name,
    sinkKind,
    target,
    revision,
    start,
    origin: toSequence(BigInt(origin)),
    originalName,
    ...(functionDigest === undefined ? {} : { functionDigest }),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
