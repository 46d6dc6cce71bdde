import { crc32 } from 'node:zlib';
import type { Checkpoint } from '../../checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../checkpoint-text.ts';

/*
 * The last line of each batch, version 1 (`docs/reference/file-lines.md`):
 *
 *   {"op":"checkpoint","installation":"shop","lane":"files","writtenAt":1800000000000,"lineBytes":312,"checkpoint":{…},"crc32":"0a1b2c3d"}
 *
 * `lineBytes` counts the bytes of the batch's lines in front of it; the checksum (CRC-32) is that of these lines and of this one up to
 * the comma before `"crc32"`. So a batch of which a part is missing or torn is known, whatever of it reached the disk.
 */

/** Whose position it is, and when it was written. */
export interface CheckpointNote {
  readonly installation: string;
  readonly lane: string;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  readonly checkpoint: Checkpoint;
}

/** What every checkpoint line begins with, and no other line. */
export const checkpointLineHead: Buffer = Buffer.from('{"op":"checkpoint",');
const checksumHead = ',"crc32":"';

/** The line for a batch of lines, with its line feed. */
export function encodeCheckpointLine(lines: Uint8Array, note: CheckpointNote): Buffer {
  const { installation, lane, writtenAt, checkpoint } = note;
  const owner = `"installation":${JSON.stringify(installation)},"lane":${JSON.stringify(lane)},"writtenAt":${writtenAt}`;
  const body = `{"op":"checkpoint",${owner},"lineBytes":${lines.length},"checkpoint":${encodeCheckpoint(checkpoint)}`;
  return Buffer.from(`${body}${checksumHead}${checksum(lines, body)}"}\n`);
}

/**
 * Reads a checkpoint line without its line feed; undefined when it does not stand behind exactly these lines, whole.
 * @throws HW-LANE-007 for one that is whole and was written by a newer release.
 */
export function parseCheckpointLine(line: Buffer, lines: Uint8Array): CheckpointNote | undefined {
  const text = line.toString('utf8');
  const end = text.lastIndexOf(checksumHead);
  if (end === -1) return undefined;
  const body = text.slice(0, end);
  if (text !== `${body}${checksumHead}${checksum(lines, body)}"}`) return undefined;
  const { installation, lane, writtenAt, lineBytes, checkpoint } = readFields(`${body}}`);
  if (lineBytes !== lines.length) return undefined;
  return {
    installation: String(installation),
    lane: String(lane),
    writtenAt: Number(writtenAt),
    checkpoint: decodeCheckpoint(JSON.stringify(checkpoint) ?? ''),
  };
}

function readFields(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function checksum(lines: Uint8Array, body: string): string {
  return crc32(body, crc32(lines)).toString(16).padStart(8, '0');
}
