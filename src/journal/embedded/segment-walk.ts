import type { DiskFile } from '../../foundation/disk.ts';
import { toSequence } from '../../model/position.ts';
import { corruptBytes, unknownFormat } from './corruption.ts';
import { fileHeaderLength } from './file-header.ts';
import { Frame } from './frame.ts';
import { FrameCursor, type FrameStop } from './frame-cursor.ts';
import type { JournalFiles } from './journal-files.ts';
import type { JournalHead } from './journal-head.ts';
import { segmentPath } from './journal-paths.ts';
import type { WalkStart } from './place-finder.ts';
import type { ReadRoom } from './read-rooms.ts';
import { openForReading, type OpenedFile } from './segment-file.ts';
import { type FoldStep, SegmentFold } from './segment-fold.ts';

/** What a walk meets: the meaning of a frame; or the end of the window or of what is durable. */
export type WalkStep = FoldStep | Extract<FrameStop, { kind: 'more' | 'end' }>;

/** How far a walk goes, and in what steps it reads. */
interface WalkOptions {
  /** Nothing at or behind this offset is looked at. */
  readonly limit: number;
  /** Default: that of a cursor. */
  readonly loadByteCount?: number | undefined;
  /** Where the first window may be read to. */
  readonly room?: ReadRoom | undefined;
}

/** Most frames that are read by themselves are no longer. */
const singleFrameByteCount = 4096;

/** The beginning of an open segment: what walks into the middle of it rely on. */
export interface SegmentBeginning extends OpenedFile {
  readonly number: number;
  /** Behind the preamble. */
  readonly head: JournalHead;
}

/** Where a walk begins that leaves out what comes before. */
type ResumeOptions = WalkOptions & { readonly start: WalkStart };

/** Walks over one segment from its first frame, up to a limit that may grow. Everything below the limit must be intact. */
export class SegmentWalk implements AsyncDisposable {
  readonly number: number;
  readonly header: OpenedFile['header'];
  readonly fold: SegmentFold;
  readonly file: DiskFile;
  readonly #cursor: FrameCursor;
  #ownsFile = true;

  private constructor(number: number, { file, header }: OpenedFile, { limit, loadByteCount, room }: WalkOptions) {
    this.number = number;
    this.header = header;
    this.file = file;
    this.fold = new SegmentFold(file.path, header.preambleEnd);
    this.#cursor = new FrameCursor({
      file,
      seed: header.crc,
      position: fileHeaderLength,
      limit,
      loadByteCount,
      readsAhead: true,
      room,
    });
  }

  /** @throws HW-JOURNAL-005, -006, -017 */
  static async open(files: JournalFiles, number: number, limit: number): Promise<SegmentWalk> {
    return new SegmentWalk(number, await openSegment(files, number), { limit });
  }

  /** Opens a segment and reads its preamble; whoever gets it closes the file. @throws HW-JOURNAL-005, -006, -017 */
  static async openBeginning(files: JournalFiles, number: number): Promise<SegmentBeginning> {
    const opened = await openSegment(files, number);
    const { file, header } = opened;
    try {
      const walk = new SegmentWalk(number, opened, { limit: header.preambleEnd });
      for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
        if (step.kind === 'more') await walk.load(step.byteCount);
      }
      return { number, file, header, head: walk.fold.head };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Begins in the middle. @throws HW-JOURNAL-005 as well when the place is none */
  static async openAt(files: JournalFiles, number: number, options: ResumeOptions): Promise<SegmentWalk> {
    const beginning = await SegmentWalk.openBeginning(files, number);
    try {
      const walk = await SegmentWalk.resume(beginning, options);
      walk.#ownsFile = true;
      return walk;
    } catch (error) {
      await beginning.file.close();
      throw error;
    }
  }

  /** Begins in the middle of a segment that is open; its file stays open behind the walk. @throws HW-JOURNAL-005 */
  static async resume(beginning: SegmentBeginning, { start, ...options }: ResumeOptions): Promise<SegmentWalk> {
    const walk = new SegmentWalk(beginning.number, beginning, options);
    walk.#ownsFile = false;
    const offsets = start.contextOffsets.filter((offset) => offset < start.offset);
    const context = await Promise.all(offsets.map((offset) => walk.readAgain(offset)));
    walk.fold.resume(beginning.head, { context, sequence: toSequence(start.sequence), offset: start.offset });
    walk.#cursor.seek(start.offset);
    return walk;
  }

  get position(): number {
    return this.#cursor.position;
  }

  extendTo(limit: number): void {
    this.#cursor.extendTo(limit);
  }

  load(byteCount: number): Promise<void> {
    return this.#cursor.load(byteCount);
  }

  /** @throws HW-JOURNAL-005, -006 */
  next(): WalkStep {
    const step = this.#cursor.next();
    if (step instanceof Frame) return this.fold.apply(step);
    switch (step.kind) {
      case 'bad':
        throw corruptBytes(this.file.path, this.#cursor.position, step.reason);
      case 'unknown':
        throw unknownFormat(this.file.path, this.#cursor.position, step.reason);
      default:
        return step;
    }
  }

  /** Reads one frame again, by its place. @throws HW-JOURNAL-005 */
  async readAgain(offset: number): Promise<Frame> {
    const limit = this.#cursor.limit;
    const cursor = new FrameCursor({
      file: this.file,
      seed: this.header.crc,
      position: offset,
      limit,
      loadByteCount: singleFrameByteCount,
    });
    for (;;) {
      const step = cursor.next();
      if (step instanceof Frame) return step;
      if (step.kind !== 'more') throw corruptBytes(this.file.path, offset, 'a frame reads differently the second time');
      await cursor.load(step.byteCount);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cursor.settle();
    if (this.#ownsFile) await this.file.close();
  }
}

function openSegment({ disk, paths, journalId }: JournalFiles, number: number): Promise<OpenedFile> {
  return openForReading(disk, { path: segmentPath(paths, number), kind: 'segment', journalId, number });
}
