import { crc32 } from 'node:zlib';

import { unreachable } from '../../foundation/assert.ts';
import type { DiskFile } from '../../foundation/disk.ts';
import { corruptBytes, unknownFormat } from './corruption.ts';
import { type FileHeader, fileHeaderLength } from './file-header.ts';
import { bodyEncodingMax, Frame, frameHeaderLength, frameKind, frameSeed, isFrameKind } from './frame.ts';
import { FrameCursor } from './frame-cursor.ts';
import { readWhole } from './read-whole.ts';
import type { SpoolReference } from './spool-reference.ts';
import { SegmentFold } from './segment-fold.ts';
import { PlaceCollector } from './place-collector.ts';
import type { KnownPlaces } from './known-places.ts';
import { getUint53 } from './uint53.ts';

/** What the last segment comes to. */
export interface TailScan {
  readonly fold: SegmentFold;
  readonly size: number;
  /** Behind the last whole unit: where the history ends. */
  readonly end: number;
  /** Everything before it is known to have been durable. */
  readonly knownDurable: number;
  /** Offset of the first frame that is not whole and valid; undefined when there is none. */
  readonly tornAt: number | undefined;
  /** The last frame is a mark that the writer closed. */
  readonly endedCleanly: boolean;
  /** Spools that the segment's transactions, and those still prepared, consist of. */
  readonly spools: readonly SpoolReference[];
  /** Where reading may begin in what the history holds of the segment. */
  readonly places: KnownPlaces;
}

/**
 * Reads the last segment and tells a torn tail from rot (`docs/reference/journal-format-1.md`, "Recovery"). Changes nothing.
 * @throws HW-JOURNAL-005 for bytes that had been durable and do not hold, HW-JOURNAL-006 for frames of a newer release
 */
export async function scanTail(file: DiskFile, header: FileHeader & { readonly crc: number }): Promise<TailScan> {
  const size = await file.size();
  const scan = await scanFrames(file, header, size);
  if (!scan.fold.isCommitIncomplete) return scan;
  // The history already counts a commit whose schema frames are lost: it is read again without that commit.
  const whole = await scanFrames(file, header, scan.end);
  return { ...whole, size, knownDurable: scan.knownDurable, tornAt: scan.tornAt, endedCleanly: false };
}

async function scanFrames(
  file: DiskFile,
  header: FileHeader & { readonly crc: number },
  size: number,
): Promise<TailScan> {
  const fold = new SegmentFold(file.path, header.preambleEnd);
  // A segment has hundreds of windows: memory of its own for each, outside the heap, has the engine collect all of it.
  const limits = { position: fileHeaderLength, limit: size };
  const cursor = new FrameCursor({ file, seed: header.crc, ...limits, reusesWindow: true });
  const places = new PlaceCollector(header.firstSequence);
  const spools: SpoolReference[] = [];
  let knownDurable = header.preambleEnd;
  let endedCleanly = false;
  const common = (): Omit<TailScan, 'tornAt' | 'endedCleanly'> => ({
    fold,
    size,
    end: fold.unitEnd,
    knownDurable,
    spools: withPrepared(fold, spools),
    places: places.known(fold.unitEnd),
  });
  for (;;) {
    const step = cursor.next();
    if (step instanceof Frame) {
      const meaning = fold.apply(step);
      if (meaning.kind === 'spooled-commit') spools.push(meaning.spool);
      places.take(meaning, { unitStart: fold.unitStart, preambleEnd: header.preambleEnd });
      knownDurable = Math.max(knownDurable, step.durableEnd);
      endedCleanly = step.kind === frameKind.mark && step.body[8] === 2;
      continue;
    }
    switch (step.kind) {
      case 'more':
        fold.letGo();
        await cursor.load(step.byteCount);
        break;
      case 'end':
        assertDurable(file.path, cursor.position, knownDurable, 'the file ends before what was durable');
        return { ...common(), tornAt: undefined, endedCleanly };
      case 'unknown':
        throw unknownFormat(file.path, cursor.position, step.reason);
      case 'bad': {
        const at = cursor.position;
        assertDurable(file.path, at, knownDurable, step.reason);
        const proof = await findLaterProof({ file, seed: header.crc, badAt: at, size });
        if (proof !== undefined) {
          throw corruptBytes(file.path, at, `${step.reason}; the frame at ${proof} proves that it was durable`);
        }
        return { ...common(), tornAt: at, endedCleanly: false };
      }
      default:
        return unreachable(step);
    }
  }
}

function withPrepared(fold: SegmentFold, spools: readonly SpoolReference[]): readonly SpoolReference[] {
  return [...spools, ...fold.head.toCarry().prepared.map(({ spool }) => spool)];
}

const lookByteCount = 1024 * 1024;

function assertDurable(path: string, at: number, knownDurable: number, reason: string): void {
  if (at < knownDurable) throw corruptBytes(path, at, `${reason}; everything before ${knownDurable} was durable`);
}

interface ProofSearch {
  readonly file: DiskFile;
  readonly seed: number;
  readonly badAt: number;
  readonly size: number;
}

/**
 * Looks at every offset behind a bad frame for a valid one that names a durable end beyond it. The durable end must lie in
 * a narrow range, so hardly any offset costs a checksum.
 */
async function findLaterProof(search: ProofSearch): Promise<number | undefined> {
  const { file, badAt, size } = search;
  const chunk = Buffer.allocUnsafeSlow(lookByteCount + frameHeaderLength);
  for (let start = badAt + 1; start + frameHeaderLength <= size; start += lookByteCount) {
    const length = await readWhole(file, chunk, start);
    const view = new DataView(chunk.buffer, chunk.byteOffset, length);
    const last = Math.min(length - frameHeaderLength, lookByteCount - 1);
    for (let at = 0; at <= last; at += 1) {
      const offset = start + at;
      if (!isPlausible(view, at, offset, search)) continue;
      if (await isValidFrame(search, offset, view.getUint32(at + 4, true))) return offset;
    }
  }
  return undefined;
}

function isPlausible(view: DataView, at: number, offset: number, { badAt, size }: ProofSearch): boolean {
  if (!isFrameKind(view.getUint8(at + 8)) || view.getUint8(at + 9) !== 0) return false;
  if (view.getUint16(at + 10, true) > bodyEncodingMax) return false;
  const durableEnd = getUint53(view, at + 16);
  if (durableEnd <= badAt || durableEnd > offset) return false;
  return offset + frameHeaderLength + view.getUint32(at + 4, true) <= size;
}

async function isValidFrame({ file, seed }: ProofSearch, offset: number, bodyLength: number): Promise<boolean> {
  const bytes = Buffer.allocUnsafeSlow(frameHeaderLength + bodyLength);
  if ((await readWhole(file, bytes, offset)) < bytes.length) return false;
  return crc32(bytes.subarray(4), frameSeed(seed, offset)) === bytes.readUInt32LE(0);
}
