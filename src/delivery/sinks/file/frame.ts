import { promisify } from 'node:util';
import { crc32, gzip, inflateRawSync } from 'node:zlib';
import {
  type CheckpointNote,
  checkpointLineHead,
  encodeCheckpointLine,
  parseCheckpointLine,
} from './checkpoint-line.ts';
import type { FileCompression } from './file-options.ts';

/*
 * A frame is what one write adds to a file: the lines of a batch and the checkpoint line behind them; with gzip, one member.
 * The first frame of a file has no lines: it says from where on the file goes.
 */

/** A whole frame as it lies in a file. Offsets are bytes. */
export interface FoundFrame extends CheckpointNote {
  readonly start: number;
  readonly end: number;
  readonly lineBytes: number;
}

const lineFeed = 10;
const gzipHeadLength = 10;
const gzipTailLength = 8;
const compress = promisify(gzip);

/** The bytes of a frame. */
export async function encodeFrame(
  compression: FileCompression,
  lines: Uint8Array,
  note: CheckpointNote,
): Promise<Uint8Array> {
  const bytes = Buffer.concat([lines, encodeCheckpointLine(lines, note)]);
  return compression === 'gzip' ? await compress(bytes) : bytes;
}

/** The whole frames from the beginning up to the first that is torn; what follows them counts for nothing. Pure. */
export function scanFrames(compression: FileCompression, content: Buffer): readonly FoundFrame[] {
  return compression === 'gzip' ? scanMembers(content) : scanLines(content);
}

function scanLines(content: Buffer): readonly FoundFrame[] {
  const frames: FoundFrame[] = [];
  let start = 0;
  for (let offset = 0; ;) {
    const end = content.indexOf(lineFeed, offset);
    if (end === -1) return frames;
    const line = content.subarray(offset, end);
    if (line.subarray(0, checkpointLineHead.length).equals(checkpointLineHead)) {
      const lines = content.subarray(start, offset);
      const note = parseCheckpointLine(line, lines);
      if (note === undefined) return frames;
      frames.push({ ...note, start, end: end + 1, lineBytes: lines.length });
      start = end + 1;
    }
    offset = end + 1;
  }
}

/** https://www.rfc-editor.org/rfc/rfc1952: a head of 10 bytes without options, deflate, CRC-32 and length. */
function scanMembers(content: Buffer): readonly FoundFrame[] {
  const frames: FoundFrame[] = [];
  for (let start = 0; start + gzipHeadLength + gzipTailLength < content.length;) {
    const member = readMember(content.subarray(start));
    const [frame, ...others] = member === undefined ? [] : scanLines(member.content);
    if (member === undefined || frame === undefined || others.length > 0 || frame.end !== member.content.length)
      return frames;
    frames.push({ ...frame, start, end: start + member.byteCount });
    start += member.byteCount;
  }
  return frames;
}

interface GzipMember {
  readonly content: Buffer;
  readonly byteCount: number;
}

function readMember(bytes: Buffer): GzipMember | undefined {
  if (bytes.readUint32BE(0) !== 0x1f8b0800) return undefined;
  const inflated = inflate(bytes.subarray(gzipHeadLength));
  if (inflated === undefined) return undefined;
  const { content, byteCount } = inflated;
  const tail = gzipHeadLength + byteCount;
  if (tail + gzipTailLength > bytes.length) return undefined;
  const isWhole = bytes.readUint32LE(tail) === crc32(content) && bytes.readUint32LE(tail + 4) === content.length;
  return isWhole ? { content, byteCount: tail + gzipTailLength } : undefined;
}

function inflate(bytes: Buffer): GzipMember | undefined {
  try {
    const answer: unknown = inflateRawSync(bytes, { info: true });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what `info: true` answers, which its declared type leaves out
    const { buffer, engine } = answer as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    return { content: buffer, byteCount: engine.bytesWritten };
  } catch {
    // Torn: the bytes end too early or are no deflate stream.
    return undefined;
  }
}
