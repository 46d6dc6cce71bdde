import type { JournalFiles } from './journal-files.ts';
import { type SegmentBeginning, SegmentWalk } from './segment-walk.ts';

/** Segments that are kept open; with more than that in use at once, those as well. */
const openCountMax = 64;

interface OpenSegment {
  readonly beginning: Promise<SegmentBeginning>;
  userCount: number;
}

/**
 * Segments that were looked into, kept open for the next look: to open one takes more reads than to read a transaction. Those
 * that were not used for the longest are closed first.
 */
export class OpenSegments implements AsyncDisposable {
  readonly #files: JournalFiles;
  /** The one that was used last stands last. */
  readonly #opened = new Map<number, OpenSegment>();

  constructor(files: JournalFiles) {
    this.#files = files;
  }

  /** Lends a segment's beginning for as long as `work` takes. @throws HW-JOURNAL-005, -006, -017 when it is not there */
  async use<Result>(number: number, work: (beginning: SegmentBeginning) => Promise<Result>): Promise<Result> {
    const segment = this.#opened.get(number) ?? {
      beginning: SegmentWalk.openBeginning(this.#files, number),
      userCount: 0,
    };
    this.#opened.delete(number);
    this.#opened.set(number, segment);
    segment.userCount += 1;
    try {
      return await work(await this.#begun(number, segment));
    } finally {
      segment.userCount -= 1;
      await this.#closeUnused(number, segment);
    }
  }

  /** Closes a segment once nobody uses it. */
  async forget(number: number): Promise<void> {
    const segment = this.#opened.get(number);
    this.#opened.delete(number);
    if (segment !== undefined && segment.userCount === 0) await close(segment);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const number of this.#opened.keys()) await this.forget(number);
  }

  async #begun(number: number, segment: OpenSegment): Promise<SegmentBeginning> {
    try {
      return await segment.beginning;
    } catch (error) {
      // Whoever comes next tries for himself.
      if (this.#opened.get(number) === segment) this.#opened.delete(number);
      throw error;
    }
  }

  async #closeUnused(number: number, used: OpenSegment): Promise<void> {
    if (this.#opened.get(number) !== used) {
      if (used.userCount === 0) await close(used);
      return;
    }
    for (const [oldest, segment] of this.#opened) {
      if (this.#opened.size <= openCountMax) return;
      if (segment.userCount === 0) await this.forget(oldest);
    }
  }
}

/** One that could not be opened has nothing to close. */
async function close({ beginning }: OpenSegment): Promise<void> {
  const opened = await beginning.catch(() => undefined);
  await opened?.file.close();
}
