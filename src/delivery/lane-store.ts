import { HeadwaterError } from '../foundation/error.ts';
import { removeLaneGap } from '../journal/lane-gap.ts';
import type { StateDurability, StateStore } from '../journal/state-store.ts';
import { toSequence } from '../model/position.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-text.ts';
import type { LaneIdentity } from './lane-identity.ts';
import { removeParked } from './parking/parked-store.ts';

const identityKind = 'lane';
const checkpointKind = 'checkpoint';
const identityVersion = 1;

/** All lanes that were ever started and not given up. @throws HW-LANE-007 */
export function listLanes(store: StateStore): readonly LaneIdentity[] {
  return store.list(identityKind).map(([name, text]) => decodeIdentity(name, text));
}

/** Records a lane. Durable when it returns. */
export function writeLane(store: StateStore, lane: LaneIdentity): void {
  store.write(
    identityKind,
    lane.name,
    JSON.stringify({ version: identityVersion, ...lane, origin: String(lane.origin) }),
  );
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
  const { version, sinkKind, target, revision, start, origin } = value;
  const isReadable =
    version === identityVersion &&
    typeof sinkKind === 'string' &&
    typeof target === 'string' &&
    typeof revision === 'number' &&
    typeof start === 'string' &&
    typeof origin === 'string' &&
    /^\d{1,19}$/.test(origin);
  if (!isReadable) throw new HeadwaterError('HW-LANE-007', `the record of lane "${name}" cannot be read`);
  return { name, sinkKind, target, revision, start, origin: toSequence(BigInt(origin)) };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
