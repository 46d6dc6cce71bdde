import { assertInvariant } from '../../../foundation/assert.ts';
import type { Clock } from '../../../foundation/clock.ts';
import type { Disk, DiskFile } from '../../../foundation/disk.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { Checkpoint } from '../../checkpoint.ts';
import { toFileError } from './file-error.ts';
import { type FileName, formatFileName, parseFileName } from './file-name.ts';
import type { FileCompression } from './file-options.ts';
import { encodeFrame, type FoundFrame, scanFrames } from './frame.ts';
import type { OpenFileState } from './plan-roll.ts';

/** Where the files of a lane are, and how they are written. */
export interface FilesPlace {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly directory: string;
  readonly name: string;
  readonly compression: FileCompression;
  readonly installation: string;
  readonly laneName: string;
}

interface OpenFile {
  readonly file: DiskFile;
  readonly name: FileName;
  readonly byteCount: number;
  readonly checkpoint: Checkpoint;
  readonly firstLineAt: number | undefined;
}

/**
 * The files of one lane: finished ones, which are never touched again, and one that is open.
 *
 * I1  A line and the position behind it are one frame with a checksum; what follows the last whole frame is cut before anything is
 *     written. So a position never passes its lines, and lines without their position are written again, not twice.
 * I2  The next open file stands durably on the disk, with the position it goes on from, before the former one gets its final
 *     name: whoever moves finished files away cannot take the position with them.
 * I3  An open file gets its name only when its first frame is durable, so one that does not begin with a position was damaged.
 *
 * After a call that failed the object is given up, and `recover` reads from the disk what became of it.
 */
export class RecordFiles {
  readonly #place: FilesPlace;
  #open: OpenFile | undefined;
  /** The number of the last finished file that is still here. */
  readonly #finishedNumber: number;

  private constructor(place: FilesPlace, open: OpenFile | undefined, finishedNumber: number) {
    this.#place = place;
    this.#open = open;
    this.#finishedNumber = finishedNumber;
  }

  /**
   * Finds the open file, cuts what is torn, and makes the rest durable.
   * @throws HW-FILE-002 … 005 of the disk, HW-FILE-007 another lane's, HW-FILE-008 an open file that cannot be read
   */
  static async recover(place: FilesPlace): Promise<RecordFiles> {
    return await guard(place, async () => {
      const { disk, directory } = place;
      const names = (await disk.list(directory)).flatMap((text) => parseFileName(place.name, text) ?? []);
      for (const name of names) if (name.stage === 'new') await disk.remove(pathOf(place, name));
      const [first, ...later] = names
        .filter(({ stage }) => stage === 'open')
        .toSorted((left, right) => left.number - right.number);
      for (const name of later) await removeUnused(place, name);
      const open = first === undefined ? undefined : await reopen(place, first);
      // Also what an earlier process renamed and could not flush any more.
      await disk.flushDirectory(directory);
      const finished = names.filter(({ stage }) => stage === 'finished').map(({ number }) => number);
      return new RecordFiles(place, open, Math.max(0, ...finished));
    });
  }

  /** The position that the lines reach; undefined before the first batch. */
  get held(): Checkpoint | undefined {
    return this.#open?.checkpoint;
  }

  /** Undefined before the first batch. */
  get state(): OpenFileState | undefined {
    const open = this.#open;
    return open === undefined
      ? undefined
      : {
          byteCount: open.byteCount,
          hasLines: open.firstLineAt !== undefined,
          firstLineAt: open.firstLineAt,
          endsTransaction: open.checkpoint.recordCount === 0,
        };
  }

  /** Lines and the position behind them, durable when it resolves. */
  async append(lines: Uint8Array, from: Checkpoint, to: Checkpoint): Promise<void> {
    await guard(this.#place, async () => {
      this.#open ??= await this.#begin(this.#finishedNumber + 1, from);
      const open = this.#open;
      const writtenAt = this.#place.clock.now();
      const frame = await encodeFrame(open.name.compression, lines, noteOf(this.#place, to, writtenAt));
      await open.file.write([frame], open.byteCount);
      await open.file.flush();
      const firstLineAt = open.firstLineAt ?? (lines.length > 0 ? writtenAt : undefined);
      this.#open = { ...open, byteCount: open.byteCount + frame.length, checkpoint: to, firstLineAt };
    });
  }

  /** Gives the open file its final name and goes on in the next one. */
  async finish(): Promise<void> {
    const open = this.#open;
    assertInvariant(open !== undefined, 'a file that is finished is open');
    await guard(this.#place, async () => {
      const { disk, directory } = this.#place;
      const next = await this.#begin(open.name.number + 1, open.checkpoint);
      try {
        await disk.rename(open.file.path, pathOf(this.#place, { ...open.name, stage: 'finished' }));
        await disk.flushDirectory(directory);
      } catch (thrown) {
        await next.file.close();
        throw thrown;
      }
      this.#open = next;
      await open.file.close();
    });
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }

  async #begin(number: number, checkpoint: Checkpoint): Promise<OpenFile> {
    const { disk, directory, compression, clock } = this.#place;
    const name: FileName = { number, compression, stage: 'open' };
    const newPath = pathOf(this.#place, { ...name, stage: 'new' });
    const frame = await encodeFrame(compression, new Uint8Array(), noteOf(this.#place, checkpoint, clock.now()));
    const created = await disk.create(newPath);
    try {
      await created.write([frame], 0);
      await created.flush();
    } finally {
      await created.close();
    }
    const path = pathOf(this.#place, name);
    await disk.rename(newPath, path);
    await disk.flushDirectory(directory);
    const file = await requireFile(disk, path);
    return { file, name, byteCount: frame.length, checkpoint, firstLineAt: undefined };
  }
}

async function reopen(place: FilesPlace, name: FileName): Promise<OpenFile> {
  const path = pathOf(place, name);
  const file = await requireFile(place.disk, path);
  try {
    const content = await readWhole(file);
    const frames = scanFrames(name.compression, content);
    const last = frames.at(-1);
    if (last === undefined) throw damaged(path, 'it does not begin with a position');
    assertOwner(place, last, path);
    if (content.length > last.end) await file.truncate(last.end);
    // A flush that failed may have left in memory what is not on the disk, and nothing tells: written anew, it gets there.
    await file.write([content.subarray(last.start, last.end)], last.start);
    await file.flush();
    const firstLineAt = frames.find(({ lineBytes }) => lineBytes > 0)?.writtenAt;
    return { file, name, byteCount: last.end, checkpoint: last.checkpoint, firstLineAt };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/** A next file that was begun while its predecessor had not got its final name: nothing but the position can be in it. */
async function removeUnused(place: FilesPlace, name: FileName): Promise<void> {
  const path = pathOf(place, name);
  const file = await requireFile(place.disk, path);
  const content = await readWhole(file);
  await file.close();
  if (scanFrames(name.compression, content).length > 1) throw damaged(path, 'an earlier file is open as well');
  await place.disk.remove(path);
}

async function readWhole(file: DiskFile): Promise<Buffer> {
  const content = Buffer.alloc(await file.size());
  let length = 0;
  while (length < content.length) {
    const count = await file.read(content.subarray(length), length);
    if (count === 0) break;
    length += count;
  }
  return content.subarray(0, length);
}

async function requireFile(disk: Disk, path: string): Promise<DiskFile> {
  const file = await disk.openForWriting(path);
  if (file === undefined) throw new HeadwaterError('HW-FILE-005', `${path} has gone while it was in use`);
  return file;
}

function assertOwner({ installation, laneName }: FilesPlace, found: FoundFrame, path: string): void {
  if (found.installation === installation && found.lane === laneName) return;
  const message = `${path} is written by lane "${found.lane}" of "${found.installation}", not by "${laneName}" of "${installation}"`;
  throw new HeadwaterError('HW-FILE-007', message, { details: { path, lane: found.lane } });
}

function noteOf(
  { installation, laneName }: FilesPlace,
  checkpoint: Checkpoint,
  writtenAt: number,
): Omit<FoundFrame, 'start' | 'end' | 'lineBytes'> {
  return { installation, lane: laneName, writtenAt, checkpoint };
}

function pathOf({ directory, name }: FilesPlace, file: FileName): string {
  return `${directory}/${formatFileName(name, file)}`;
}

function damaged(path: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-FILE-008', `${path} cannot be gone on with: ${reason}`, { details: { path } });
}

async function guard<Result>(place: FilesPlace, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (thrown) {
    throw toFileError(thrown, place.directory);
  }
}
