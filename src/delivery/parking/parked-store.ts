import type { StateEdit, StateStore } from '../../journal/state-store.ts';
import { type Sequence, toSequence } from '../../model/position.ts';
import type { Checkpoint } from '../checkpoint.ts';
import {
  decodeParkedRecord,
  encodeParkedRecord,
  parseObject,
  type ParkedRecord,
  placeText,
  type RecordPlace,
} from './parked-record.ts';

/** A write that is to deliver parked records together with a move of the sink's own checkpoint. */
export interface PlannedRelease {
  /** The sink holds this once the records took effect, and not before. */
  readonly to: Required<Pick<Checkpoint, 'sequence' | 'recordCount' | 'releaseCount'>>;
  readonly places: readonly RecordPlace[];
}

/** A record that somebody gave up: the audit of it. */
export interface DroppedRecord extends ParkedRecord {
  readonly reason: string;
  readonly droppedAtMs: number;
}

const recordKind = 'parked';
const releaseKind = 'parked-release';
const droppedKind = 'parked-dropped';

/** The parked records of a lane. @throws HW-LANE-007 */
export function listParked(states: StateStore, laneName: string): readonly ParkedRecord[] {
  return namesOf(states, recordKind, laneName).map(([, text]) => decodeParkedRecord(text));
}

/** What was dropped from a lane, in journal order. @throws HW-LANE-007 */
export function listDropped(states: StateStore, laneName: string): readonly DroppedRecord[] {
  return namesOf(states, droppedKind, laneName).map(([, text]) => {
    const { reason, droppedAtMs } = parseObject(text);
    return { ...decodeParkedRecord(text), reason: String(reason), droppedAtMs: Number(droppedAtMs) };
  });
}

/** The release whose outcome was not known when it was written. */
export function readRelease(states: StateStore, laneName: string): PlannedRelease | undefined {
  const text = states.read(releaseKind, laneName);
  if (text === undefined) return undefined;
  const { sequence, recordCount, releaseCount, places } = parseObject(text);
  return {
    to: { sequence: sequenceOf(sequence), recordCount: Number(recordCount), releaseCount: Number(releaseCount) },
    places: listOf(places).map((place) => {
      const [own, ordinal] = listOf(place);
      return { sequence: sequenceOf(own), ordinal: Number(ordinal) };
    }),
  };
}

/** The edit that lists a parked record, or changes what is known of it. */
export function editParked(laneName: string, record: ParkedRecord): StateEdit {
  return { kind: recordKind, name: nameOf(laneName, record), text: encodeParkedRecord(record) };
}

/** The edit that takes a record from the list. */
export function editRemoved(laneName: string, place: RecordPlace): StateEdit {
  return { kind: recordKind, name: nameOf(laneName, place), text: undefined };
}

/** The edit that plans a release, or forgets the one before. */
export function editRelease(laneName: string, release: PlannedRelease | undefined): StateEdit {
  const text =
    release === undefined
      ? undefined
      : JSON.stringify({
          version: 1,
          sequence: String(release.to.sequence),
          recordCount: release.to.recordCount,
          releaseCount: release.to.releaseCount,
          places: release.places.map(({ sequence, ordinal }) => [String(sequence), ordinal]),
        });
  return { kind: releaseKind, name: laneName, text };
}

/** The edits that turn a parked record into an audit of its drop. */
export function editDropped(laneName: string, dropped: DroppedRecord): readonly StateEdit[] {
  const text = JSON.stringify({ version: 1, ...dropped, sequence: String(dropped.sequence) });
  return [editRemoved(laneName, dropped), { kind: droppedKind, name: nameOf(laneName, dropped), text }];
}

/** Forgets what a lane that is given up had parked. What was dropped stays on record. */
export function removeParked(states: StateStore, laneName: string): void {
  const edits = namesOf(states, recordKind, laneName).map(([name]) => ({ kind: recordKind, name, text: undefined }));
  states.change([...edits, editRelease(laneName, undefined)]);
}

/** The edits that give everything of a lane to the lane's new name. What the new name had dropped before stays. */
export function editRenamedParked(states: StateStore, from: string, to: string): readonly StateEdit[] {
  const entries = [recordKind, droppedKind].flatMap((kind) =>
    namesOf(states, kind, from).flatMap(([name, text]) => [
      { kind, name: `${to}${name.slice(from.length)}`, text },
      { kind, name, text: undefined },
    ]),
  );
  return [
    ...entries,
    { kind: releaseKind, name: to, text: states.read(releaseKind, from) },
    { kind: releaseKind, name: from, text: undefined },
  ];
}

function namesOf(states: StateStore, kind: string, laneName: string): readonly (readonly [string, string])[] {
  return states.list(kind).filter(([name]) => name.startsWith(`${laneName}/`));
}

function nameOf(laneName: string, place: RecordPlace): string {
  return `${laneName}/${placeText(place)}`;
}

function sequenceOf(value: unknown): Sequence {
  return toSequence(BigInt(typeof value === 'string' && /^\d{1,19}$/.test(value) ? value : 0));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
