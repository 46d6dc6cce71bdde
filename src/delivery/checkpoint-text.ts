import { HeadwaterError } from '../foundation/error.ts';
import { toLsn } from '../model/lsn.ts';
import { toSequence } from '../model/position.ts';
import type { Checkpoint } from './checkpoint.ts';

/**
 * A checkpoint as text, for stores that keep it as one value: the state beside the journal, a Kafka record, a Redis key.
 * Version 1 is JSON with 64-bit numbers as decimal texts. Version 2 adds `releaseCount`, and is written only where there is one.
 * Fields a reader does not know are an unknown version.
 */
export const checkpointVersion = 2;

const fieldNames: Readonly<Record<number, string>> = {
  1: 'commitEndLsn,commitTimeMicros,journalId,recordCount,sequence,systemId,timeline,version',
  2: 'commitEndLsn,commitTimeMicros,journalId,recordCount,releaseCount,sequence,systemId,timeline,version',
};

/** Writes version 1, or version 2 when parked records were released at this place. */
export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const { releaseCount = 0 } = checkpoint;
  return JSON.stringify({
    version: releaseCount === 0 ? 1 : 2,
    journalId: checkpoint.journalId,
    sequence: String(checkpoint.sequence),
    recordCount: checkpoint.recordCount,
    ...(releaseCount === 0 ? {} : { releaseCount }),
    systemId: checkpoint.systemId,
    timeline: checkpoint.timeline,
    commitEndLsn: String(checkpoint.commitEndLsn),
    commitTimeMicros: String(checkpoint.commitTimeMicros),
  });
}

/**
 * Reads what `encodeCheckpoint` wrote.
 * @throws HW-LANE-007 for an unknown version or any other text: a position that cannot be read is never guessed.
 */
export function decodeCheckpoint(text: string): Checkpoint {
  const value = parseJson(text);
  const { version } = value;
  const expected = typeof version === 'number' ? fieldNames[version] : undefined;
  if (expected === undefined) {
    throw unreadable(`its version is ${String(version).slice(0, 20)}; this release reads 1 to ${checkpointVersion}`);
  }
  if (Object.keys(value).sort().join(',') !== expected) {
    throw unreadable(`its fields are not those of version ${String(version)}`);
  }
  return {
    journalId: readText(value, 'journalId'),
    sequence: toSequence(readBigInt(value, 'sequence')),
    recordCount: readCount(value, 'recordCount'),
    ...(version === 1 ? {} : { releaseCount: readCount(value, 'releaseCount') }),
    systemId: readText(value, 'systemId'),
    timeline: readCount(value, 'timeline'),
    commitEndLsn: toLsn(readBigInt(value, 'commitEndLsn')),
    commitTimeMicros: readBigInt(value, 'commitTimeMicros'),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parseJson(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Falls through: the text is named below without quoting it.
  }
  throw unreadable('it is no JSON object');
}

function readText(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw unreadable(`${name} is no text`);
  return value;
}

function readCount(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unreadable(`${name} is no count`);
  return value;
}

function readBigInt(fields: Fields, name: string): bigint {
  const text = readText(fields, name);
  if (!/^(?:0|[1-9]\d{0,19})$/.test(text)) throw unreadable(`${name} is no 64-bit number`);
  return BigInt(text);
}

function unreadable(reason: string): HeadwaterError {
  return new HeadwaterError('HW-LANE-007', `a checkpoint cannot be read: ${reason}`);
}
