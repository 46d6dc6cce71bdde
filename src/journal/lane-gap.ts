import { type Sequence, toSequence } from '../model/position.ts';
import type { StateEdit, StateStore } from './state-store.ts';

/** What retention took from a lane that it gave up. */
export interface LaneGap {
  /** First and last transaction that the lane did not see and that are gone. */
  readonly firstLost: Sequence;
  readonly lastLost: Sequence;
}

const gapKind = 'lane-gap';

/** Records that a lane is given up. Durable when it returns; written before anything is removed. */
export function writeLaneGap(
  state: StateStore,
  laneName: string,
  { firstLost, lastLost, atMs }: LaneGap & { readonly atMs: number },
): void {
  state.write(gapKind, laneName, JSON.stringify({ firstLost: String(firstLost), lastLost: String(lastLost), atMs }));
}

/** The gap in front of a lane that stands at `sequence`; undefined when none is recorded, or the lane stands behind it. */
export function readLaneGap(state: StateStore, laneName: string, sequence: Sequence): LaneGap | undefined {
  const text = state.read(gapKind, laneName);
  if (text === undefined) return undefined;
  const parsed: unknown = JSON.parse(text);
  const firstLost = sequenceOf(parsed, 'firstLost');
  const lastLost = sequenceOf(parsed, 'lastLost');
  return firstLost === undefined || lastLost === undefined || sequence >= lastLost
    ? undefined
    : { firstLost, lastLost };
}

/** Forgets the gap of a lane that is given up or begins anew. */
export function removeLaneGap(state: StateStore, laneName: string): void {
  state.remove(gapKind, laneName);
}

/** The edits that give the gap of a lane to the lane's new name. */
export function editRenamedGap(state: StateStore, from: string, to: string): readonly StateEdit[] {
  return [
    { kind: gapKind, name: to, text: state.read(gapKind, from) },
    { kind: gapKind, name: from, text: undefined },
  ];
}

function sequenceOf(record: unknown, key: string): Sequence | undefined {
  if (typeof record !== 'object' || record === null || !(key in record)) return undefined;
  const value: unknown = Reflect.get(record, key);
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? toSequence(BigInt(value)) : undefined;
}
