import { HeadwaterError } from '../../../foundation/error.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../checkpoint-text.ts';

/*
 * Records of the position topic, version 1. Keys are JSON arrays, values JSON objects:
 *
 *   ["<installation>","<lane>","<journal id>"]            {"version":1,"writer":"<token>","checkpoint":{…}|null}
 *   ["<installation>","<lane>","<journal id>","topics"]   {"version":1,"partitions":{"<topic>":12}}
 *
 * The checkpoint is of its own version. `writer` is a token that each open sink draws: a position with another token in it says
 * that somebody else has taken the lane over.
 */
const recordVersion = 1;

/** Whose records these are. */
export interface PositionOwner {
  readonly installation: string;
  readonly laneName: string;
  readonly journalId: string;
}

/** What the position topic holds for a lane. */
export interface LanePosition {
  readonly writer: string;
  /** Undefined as long as the lane has delivered nothing. */
  readonly checkpoint: Checkpoint | undefined;
}

/** The partition counts that the lane's order rests on. */
export type PartitionCounts = ReadonlyMap<string, number>;

/** Everything known of a lane after reading. */
export interface LaneRecords {
  readonly position: LanePosition | undefined;
  readonly counts: PartitionCounts;
}

/** Key and value of a record. */
export interface PositionRecord {
  readonly key: Uint8Array;
  readonly value: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The record that moves a lane. */
export function encodePosition(owner: PositionOwner, position: LanePosition): PositionRecord {
  const checkpoint = position.checkpoint === undefined ? 'null' : encodeCheckpoint(position.checkpoint);
  const writer = JSON.stringify(position.writer);
  return {
    key: encodeKey(owner, []),
    value: `{"version":${recordVersion},"writer":${writer},"checkpoint":${checkpoint}}`,
  };
}

/** The record that remembers partition counts. */
export function encodeCounts(owner: PositionOwner, counts: PartitionCounts): PositionRecord {
  return {
    key: encodeKey(owner, ['topics']),
    value: JSON.stringify({ version: recordVersion, partitions: Object.fromEntries(counts) }),
  };
}

/**
 * Takes a committed record of the position topic into account, in the order of the topic. Records of other lanes change
 * nothing. A position of the same lane with another journal counts as well: the lane must meet it and refuse.
 * @throws HW-KAFKA-015 for a record of this lane that cannot be read.
 */
export function foldPositionRecord(
  known: LaneRecords,
  owner: PositionOwner,
  { key: keyBytes, value }: { readonly key: Bytes; readonly value: Bytes },
): LaneRecords {
  const key = decodeKey(keyBytes);
  if (key === undefined || key[0] !== owner.installation || key[1] !== owner.laneName) return known;
  if (key.length === 3) {
    return { ...known, position: isAbsent(value) ? undefined : decodePosition(value) };
  }
  if (key.length === 4 && key[3] === 'topics') {
    return { ...known, counts: isAbsent(value) ? new Map() : decodeCounts(value) };
  }
  throw unreadable('its key is of an unknown form');
}

function encodeKey(owner: PositionOwner, rest: readonly string[]): Uint8Array {
  return encoder.encode(JSON.stringify([owner.installation, owner.laneName, owner.journalId, ...rest]));
}

type Bytes = Uint8Array | null | undefined;

function isAbsent(bytes: Bytes): bytes is null | undefined {
  return bytes === null || bytes === undefined;
}

/** Undefined for a record that is nobody's: the topic may hold what others wrote. */
function decodeKey(key: Bytes): readonly unknown[] | undefined {
  if (isAbsent(key)) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(key));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function decodePosition(bytes: Uint8Array): LanePosition {
  const { checkpoint, writer } = decodeValue(bytes);
  if (typeof writer !== 'string') throw unreadable('it names no writer');
  if (checkpoint === null) return { writer, checkpoint: undefined };
  return { writer, checkpoint: decodeCheckpoint(JSON.stringify(checkpoint)) };
}

function decodeCounts(bytes: Uint8Array): PartitionCounts {
  const { partitions } = decodeValue(bytes);
  if (typeof partitions !== 'object' || partitions === null) throw unreadable('it holds no partition counts');
  return new Map(
    Object.entries(partitions).map(([topic, count]): [string, number] => {
      if (Number.isSafeInteger(count)) return [topic, Number(count)];
      throw unreadable('a partition count is no number');
    }),
  );
}

function decodeValue(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw unreadable('it is no JSON');
  }
  if (typeof value !== 'object' || value === null || !('version' in value)) throw unreadable('it has no version');
  if (value.version !== recordVersion) {
    throw unreadable(`its version is ${String(value.version).slice(0, 20)}; this release reads ${recordVersion}`);
  }
  return { ...value };
}

function unreadable(reason: string): HeadwaterError {
  return new HeadwaterError('HW-KAFKA-015', `a record of the position topic cannot be read: ${reason}`);
}
