import { join } from 'node:path';
import type { ClockTimer } from '../../../foundation/clock.ts';
import type { Disk } from '../../../foundation/disk.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { nodeDisk } from '../../../foundation/node-disk.ts';
import { type Checkpoint, isSameCheckpoint } from '../../checkpoint.ts';
import type { OutboundBatch, Sink, SinkCapabilities, SinkContext, SinkDefinition } from '../../sink.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { type FileSinkOptions, type ResolvedFileOptions, resolveFileOptions } from './file-options.ts';
import { isRollDue, rollDelayMs } from './plan-roll.ts';
import { RecordFiles } from './record-files.ts';
import { toRecordLines } from './record-line.ts';
import { type BatchPart, splitAtLastEnd } from './split-batch.ts';

const capabilities: SinkCapabilities = {
  unit: 'batch',
  // Lines stand in commit order: none comes later.
  takesParked: false,
  checkpointIn: 'sink',
  // A line is one text in memory, and escapes may double it several times.
  recordBytesMax: 64 * 1024 * 1024,
};

/** A file that could not be finished by age is tried again after so long, or with the next batch. */
const rollAgainMs = 60_000;

/**
 * Describes files of JSON lines in a directory. Opens nothing. Effectively once in the files, by lines and position in one frame
 * with a checksum, and by cutting what follows the last whole one.
 * @throws HW-FILE-001 for an option that is not valid.
 */
export function fileSink(options: FileSinkOptions): SinkDefinition {
  return fileSinkOn(nodeDisk, options);
}

/** The sink on another disk, for tests of what becomes of it at each step. */
export function fileSinkOn(disk: Disk, options: FileSinkOptions): SinkDefinition {
  const resolved = resolveFileOptions(options);
  return {
    kind: 'file',
    target: resolved.name === undefined ? resolved.directory : join(resolved.directory, `${resolved.name}-*`),
    async open(context) {
      const name = resolved.name ?? encodeURIComponent(context.laneName);
      const lock = await lockDirectory(resolved.directory, name);
      const sink = new FileSink({ disk, options: resolved, name, lock, context });
      try {
        await sink.readCheckpoint(context.signal);
        return sink;
      } catch (thrown) {
        await sink[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

interface FileSinkParts {
  readonly disk: Disk;
  readonly options: ResolvedFileOptions;
  readonly name: string;
  readonly lock: DirectoryLock;
  readonly context: SinkContext;
}

class FileSink implements Sink {
  readonly capabilities: SinkCapabilities = capabilities;
  readonly #parts: FileSinkParts;
  /** Undefined: what is on the disk has to be read first. */
  #files: RecordFiles | undefined;
  /** One step at a time: a batch, or the end of a file by age. */
  #lastStep: Promise<unknown> = Promise.resolve();
  #rollTimer: ClockTimer | undefined;
  /** Encoded, and not yet taken. */
  #lines: { readonly part: BatchPart; readonly bytes: Buffer } | undefined;
  #isClosed = false;

  constructor(parts: FileSinkParts) {
    this.#parts = parts;
  }

  async readCheckpoint(signal: AbortSignal): Promise<Checkpoint | undefined> {
    return await this.#inTurn(async () => {
      signal.throwIfAborted();
      await this.#giveUp();
      const files = await this.#recovered();
      this.#armRoll(files);
      return files.held;
    });
  }

  prepare(batch: OutboundBatch): void {
    try {
      this.#encode(batch);
    } catch {
      // `write` meets the same fault when it is the batch's turn, and throws it.
    }
  }

  async write(batch: OutboundBatch, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      signal.throwIfAborted();
      const files = await this.#recovered();
      assertContinues(files.held, batch.from);
      await this.#orGiveUp(async () => {
        for (const part of this.#partsOf(batch, files)) {
          await files.append(this.#takeLines(part), part.from, part.to);
          await this.#finishIfDue(files);
        }
      });
      this.#armRoll(files);
    });
  }

  /** Where the file is due and the batch ends inside a transaction, the file is finished in the midst of the batch. */
  #partsOf(batch: OutboundBatch, { state }: RecordFiles): readonly BatchPart[] {
    const { options, context } = this.#parts;
    if (state === undefined || batch.to.recordCount === 0) return [batch];
    const byteCount = state.byteCount + this.#encode(batch).length;
    const isDue = isRollDue({ ...state, byteCount, endsTransaction: true }, options, context.clock.now());
    return (isDue ? splitAtLastEnd(batch) : undefined) ?? [batch];
  }

  /** Once for a batch, ahead of its turn where there is time. */
  #encode(part: BatchPart): Buffer {
    if (this.#lines?.part !== part) this.#lines = { part, bytes: linesOf(part) };
    return this.#lines.bytes;
  }

  #takeLines(part: BatchPart): Buffer {
    const lines = this.#encode(part);
    this.#lines = undefined;
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#rollTimer?.clear();
    await this.#inTurn(() => this.#giveUp());
    this.#parts.lock.release();
  }

  async #recovered(): Promise<RecordFiles> {
    const { disk, options, name, context } = this.#parts;
    const { directory, compression } = options;
    const { clock, installation, laneName } = context;
    this.#files ??= await RecordFiles.recover({ disk, clock, directory, name, compression, installation, laneName });
    return this.#files;
  }

  async #finishIfDue(files: RecordFiles): Promise<void> {
    const { options, context } = this.#parts;
    const { state } = files;
    if (state !== undefined && isRollDue(state, options, context.clock.now())) await files.finish();
  }

  #armRoll({ state }: RecordFiles): void {
    const { options, context } = this.#parts;
    const delayMs = state === undefined ? undefined : rollDelayMs(state, options, context.clock.now());
    this.#setRollTimer(delayMs);
  }

  #setRollTimer(delayMs: number | undefined): void {
    this.#rollTimer?.clear();
    this.#rollTimer =
      delayMs === undefined || this.#isClosed
        ? undefined
        : this.#parts.context.clock.setTimer(delayMs, () => void this.#rollByAge());
  }

  /** A failure is met again by the next batch, which reports it; without one it is tried again. */
  async #rollByAge(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#isClosed) return;
      try {
        const files = await this.#recovered();
        await this.#orGiveUp(() => this.#finishIfDue(files));
        // The timer's clock and that of the age differ a little: it may have come too soon.
        this.#armRoll(files);
      } catch (thrown) {
        const { logger, laneName } = this.#parts.context;
        logger.warn('file not finished', { lane: laneName, error: HeadwaterError.from(thrown).code });
        this.#setRollTimer(rollAgainMs);
      }
    });
  }

  async #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const turn = this.#lastStep.then(step);
    this.#lastStep = turn.catch(() => undefined);
    return await turn;
  }

  async #orGiveUp(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (thrown) {
      await this.#giveUp();
      throw thrown;
    }
  }

  async #giveUp(): Promise<void> {
    const files = this.#files;
    this.#files = undefined;
    await files?.close();
  }
}

function linesOf({ records }: Pick<OutboundBatch, 'records'>): Buffer {
  return Buffer.from(records.map(toRecordLines).join(''));
}

function assertContinues(held: Checkpoint | undefined, from: Checkpoint): void {
  if (held === undefined || isSameCheckpoint(held, from)) return;
  const message = `the files end at sequence ${held.sequence}+${held.recordCount}; the batch goes on from ${from.sequence}+${from.recordCount}`;
  throw new HeadwaterError('HW-SINK-008', message, { details: { sequence: String(held.sequence) } });
}
