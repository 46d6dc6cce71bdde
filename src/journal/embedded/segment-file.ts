import type { SchemaEntry } from '../../capture/change-recorder.ts';
import type { Disk, DiskFile } from '../../foundation/disk.ts';
import { encodeCarry } from './carry-record.ts';
import { missingFile } from './corruption.ts';
import {
  decodeFileHeader,
  encodeFileHeader,
  type ExpectedFile,
  type FileHeader,
  fileHeaderLength,
} from './file-header.ts';
import { encodeFrame, type FrameFields } from './frame-encoding.ts';
import { frameHeaderLength, frameKind } from './frame.ts';
import type { Carry } from './journal-head.ts';
import { type JournalPaths, segmentPath, unfinishedPath } from './journal-paths.ts';
import { readWhole } from './read-whole.ts';
import { setUint53 } from './uint53.ts';

/** An open file and its checked header. */
export interface OpenedFile {
  readonly file: DiskFile;
  readonly header: FileHeader & { readonly crc: number };
}

/** What a new segment begins with. */
export interface SegmentStart {
  readonly journalId: string;
  readonly number: number;
  readonly lineage: number;
  readonly previousByteCount: number;
  readonly createdMicros: bigint;
  readonly epoch: number;
  readonly carry: Carry;
  readonly schemas: readonly SchemaEntry[];
}

/** The bytes of a segment before its first unit. */
export interface Preamble {
  readonly buffers: readonly Uint8Array[];
  readonly headerCrc: number;
  readonly end: number;
  readonly lastCrc: number;
}

/** Opens a segment or spool to read. @throws HW-JOURNAL-005, HW-JOURNAL-006, HW-JOURNAL-017 when it is not there */
export async function openForReading(disk: Disk, expected: ExpectedFile): Promise<OpenedFile> {
  const file = await disk.openForReading(expected.path);
  if (file === undefined) throw missingFile(expected.path, 'others refer to it');
  try {
    return { file, header: await readFileHeader(file, expected) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws HW-JOURNAL-005, HW-JOURNAL-006 */
export async function readFileHeader(file: DiskFile, expected: ExpectedFile): Promise<OpenedFile['header']> {
  const bytes = new Uint8Array(fileHeaderLength);
  const length = await readWhole(file, bytes, 0);
  return decodeFileHeader(bytes.subarray(0, length), expected);
}

/** Header, carry and schemas: everything that later frames of the segment may rely on. */
export function encodePreamble(start: SegmentStart): Preamble {
  const bodies: Pick<FrameFields, 'kind' | 'body'>[] = [
    { kind: frameKind.carry, body: encodeCarry(start.carry) },
    ...start.schemas.map((entry) => ({ kind: frameKind.schema, body: encodeSchema(entry) })),
  ];
  const end = bodies.reduce((sum, { body }) => sum + frameHeaderLength + body.length, fileHeaderLength);
  const header = encodeFileHeader({
    kind: 'segment',
    lineage: start.lineage,
    journalId: start.journalId,
    number: start.number,
    firstSequence: start.carry.lastSequence + 1n,
    createdMicros: start.createdMicros,
    previousByteCount: start.previousByteCount,
    preambleEnd: end,
    epoch: start.epoch,
  });
  const buffers: Uint8Array[] = [header.bytes];
  let offset = fileHeaderLength;
  let lastCrc = 0;
  for (const fields of bodies) {
    const frame = encodeFrame(header.crc, offset, { ...fields, encoding: 0, xid: 0, durableEnd: 0 });
    buffers.push(frame.bytes);
    offset += frame.bytes.length;
    lastCrc = frame.crc;
  }
  return { buffers, headerCrc: header.crc, end, lastCrc };
}

/** Makes a segment with its preamble; it has its name only when it is durable. */
export async function createSegment(
  disk: Disk,
  paths: JournalPaths,
  number: number,
  preamble: Preamble,
): Promise<DiskFile> {
  const path = segmentPath(paths, number);
  const unfinished = unfinishedPath(path);
  await disk.remove(unfinished);
  const file = await disk.create(unfinished);
  try {
    await file.write(preamble.buffers, 0);
    await file.flush();
  } finally {
    await file.close();
  }
  await disk.rename(unfinished, path);
  await disk.flushDirectory(paths.segments);
  const opened = await disk.openForWriting(path);
  if (opened === undefined) throw missingFile(path, 'it was made a moment ago');
  return opened;
}

/** The body of a schema frame. */
export function encodeSchema({ relationId, message }: SchemaEntry): Uint8Array {
  const body = new Uint8Array(4 + message.length);
  new DataView(body.buffer).setUint32(0, relationId, true);
  body.set(message, 4);
  return body;
}

/** The body of a mark frame. */
export function encodeMark(epoch: number, reason: 'opened' | 'closed'): Uint8Array {
  const body = new Uint8Array(9);
  setUint53(new DataView(body.buffer), 0, epoch);
  body[8] = reason === 'opened' ? 1 : 2;
  return body;
}
