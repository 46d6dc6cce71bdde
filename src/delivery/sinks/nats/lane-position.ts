import { HeadwaterError } from '../../../foundation/error.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../checkpoint-text.ts';

/*
 * The lane's position, version 1 (`docs/reference/nats-messages.md`). It stands in two places:
 *
 *   headers of every message    headwater-lane: <installation>/<lane>   headwater-checkpoint: {…}   headwater-part: 2
 *   position stream, last       {"version":1,"writer":"…","stream":"ORDERS","created":"…","streamSequence":17,"checkpoint":{…}|null}
 *   message of the lane
 *
 * `streamSequence` is the number of the last message of the lane's stream at the time; as long as the stream has no later one,
 * `checkpoint` is the position, whatever retention has removed. `part` counts the messages of the next record that are there
 * already, for records that become several.
 */
const entryVersion = 1;

/** Whose position it is. */
export interface PositionOwner {
  readonly installation: string;
  readonly laneName: string;
}

/** A place in the journal, and how many messages of the record behind it are in the stream. */
export interface MessagePosition {
  readonly checkpoint: Checkpoint;
  readonly part: number;
}

/** What the position stream holds for a lane. */
export interface PositionEntry {
  /** A token that each open sink draws: another one says that somebody else has taken the lane over. */
  readonly writer: string;
  readonly stream: string;
  /** When the stream was made, as the server tells it: tells a stream from a later one of the same name. */
  readonly created: string;
  readonly streamSequence: number;
  /** Undefined as long as the lane has delivered nothing. */
  readonly checkpoint: Checkpoint | undefined;
  readonly part: number;
}

/** How a message names its lane. */
export function encodeOwner({ installation, laneName }: PositionOwner): string {
  return `${encodeURIComponent(installation.toWellFormed())}/${encodeURIComponent(laneName.toWellFormed())}`;
}

/** The position as headers. */
export function encodePositionHeaders(owner: string, { checkpoint, part }: MessagePosition): [string, string][] {
  const headers: [string, string][] = [
    ['headwater-lane', owner],
    ['headwater-checkpoint', encodeCheckpoint(checkpoint)],
  ];
  if (part > 0) headers.push(['headwater-part', String(part)]);
  return headers;
}

/**
 * The position in the headers of a message; undefined when it is not of this lane.
 * @throws HW-NATS-015 when it is and cannot be read.
 */
export function decodePositionHeaders(owner: string, get: (name: string) => string): MessagePosition | undefined {
  if (get('headwater-lane') !== owner) return undefined;
  const part = get('headwater-part');
  if (!/^\d{0,9}$/.test(part)) throw unreadable('headwater-part is no count');
  return { checkpoint: readCheckpoint(get('headwater-checkpoint')), part: Number(part) };
}

/** What is written to the position stream. */
export function encodeEntry(entry: PositionEntry): string {
  const { checkpoint, created, part, stream, streamSequence, writer } = entry;
  const head = JSON.stringify({ version: entryVersion, writer, stream, created, streamSequence, part }).slice(0, -1);
  return `${head},"checkpoint":${checkpoint === undefined ? 'null' : encodeCheckpoint(checkpoint)}}`;
}

/** Reads what `encodeEntry` wrote. @throws HW-NATS-015 */
export function decodeEntry(text: string): PositionEntry {
  const value = parseObject(text);
  if (value['version'] !== entryVersion) {
    throw unreadable(`its version is ${String(value['version']).slice(0, 20)}; this release reads ${entryVersion}`);
  }
  const { checkpoint, created, part, stream, streamSequence, writer } = value;
  if (typeof writer !== 'string' || typeof stream !== 'string' || typeof created !== 'string') {
    throw unreadable('writer, stream or created is no text');
  }
  if (!isCount(streamSequence) || !isCount(part)) throw unreadable('streamSequence or part is no count');
  const place = checkpoint === null ? undefined : readCheckpoint(JSON.stringify(checkpoint));
  return { writer, stream, created, streamSequence, part, checkpoint: place };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Falls through.
  }
  throw unreadable('it is no JSON object');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function readCheckpoint(text: string): Checkpoint {
  try {
    return decodeCheckpoint(text);
  } catch (thrown) {
    throw unreadable(HeadwaterError.from(thrown).message);
  }
}

function unreadable(reason: string): HeadwaterError {
  return new HeadwaterError('HW-NATS-015', `the position of the lane cannot be read: ${reason}`);
}
