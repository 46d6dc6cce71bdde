import type { Clock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { commitRecordLength } from './commit-record.ts';
import type { DurablePlace } from './durable-place.ts';
import { type AppendedFrame, FrameAppender, type GatheredBytes } from './frame-appender.ts';
import { frameBodyMax, frameHeaderLength, type FrameKind } from './frame.ts';
import type { JournalHead } from './journal-head.ts';
import type { RecoveredJournal } from './recovery.ts';
import { encodePreamble } from './segment-file.ts';
import type { WriteStep } from './write-queue.ts';

/** What an appender works with. */
export interface SegmentAppenderOptions {
  readonly journalId: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly segmentByteCount: number;
  readonly recovered: RecoveredJournal;
  readonly head: JournalHead;
}

/** Gives frames their place behind each other, over segments, and gathers the steps that bring them to the disk. */
export class SegmentAppender {
  readonly #options: SegmentAppenderOptions;
  readonly #head: JournalHead;
  readonly #frames = new FrameAppender();
  #steps: WriteStep[] = [];
  #segment: number;
  #seed: number;
  #preambleEnd: number;
  #end: number;
  /** Where the bytes that are not in a step yet begin. */
  #gatheredFrom: number;
  #lastCrc: number;
  #durableEnd: number;
  #byteCount = 0;

  constructor(options: SegmentAppenderOptions) {
    const { recovered } = options;
    this.#options = options;
    this.#head = options.head;
    this.#segment = recovered.segment;
    this.#seed = recovered.headerCrc;
    this.#preambleEnd = recovered.preambleEnd;
    this.#end = recovered.end;
    this.#gatheredFrom = recovered.end;
    this.#durableEnd = recovered.end;
    this.#lastCrc = recovered.lastCrc;
  }

  get segment(): number {
    return this.#segment;
  }

  /** Offset of the next frame. */
  get end(): number {
    return this.#end;
  }

  /** Offset in this segment before which everything is durable, as the next frame tells. */
  get durableEnd(): number {
    return this.#durableEnd;
  }

  /** CRC field of the last frame. */
  get lastCrc(): number {
    return this.#lastCrc;
  }

  /** Bytes that were appended and not taken yet. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Where everything appended so far will have become durable. */
  get place(): DurablePlace {
    const { lastSequence, recordedLsn } = this.#head;
    return { sequence: lastSequence, recordedLsn, segment: this.#segment, offset: this.#end };
  }

  /** @throws HW-JOURNAL-018; nothing was appended then */
  append(frame: AppendedFrame): void {
    const bodyLength = (frame.record === undefined ? 0 : commitRecordLength) + frame.bodyByteCount;
    if (bodyLength > frameBodyMax) {
      throw new HeadwaterError(
        'HW-JOURNAL-018',
        `a run of messages has ${bodyLength} bytes; the limit is ${frameBodyMax}`,
      );
    }
    this.#lastCrc = this.#frames.append(this.#seed, this.#end, frame);
    this.#end += frameHeaderLength + bodyLength;
    this.#byteCount += frameHeaderLength + bodyLength;
  }

  /** A frame that no decoder reads. */
  appendControl(kind: FrameKind, xid: number, body: Uint8Array): void {
    const { durableEnd } = this;
    const bodyByteCount = body.length;
    this.append({ kind, encoding: 0, xid, durableEnd, record: undefined, body: [body], bodyByteCount });
  }

  /** Adds a step behind what was appended so far. */
  push(step: WriteStep, byteCount = 0): void {
    this.#gather();
    this.#steps.push(step);
    this.#byteCount += byteCount;
  }

  /** Begins a new segment when this one has reached its size. Only between units. */
  rollWhenFull(): void {
    if (this.#end < this.#options.segmentByteCount || this.#end === this.#preambleEnd) return;
    const { journalId, epoch, clock } = this.#options;
    const segment = this.#segment + 1;
    const preamble = encodePreamble({
      journalId,
      number: segment,
      lineage: this.#lastCrc,
      previousByteCount: this.#end,
      createdMicros: BigInt(Math.floor(clock.now() * 1000)),
      epoch,
      carry: this.#head.toCarry(),
      schemas: this.#head.schemas,
    });
    this.push({ kind: 'roll', segment, preamble });
    this.#segment = segment;
    this.#seed = preamble.headerCrc;
    this.#preambleEnd = preamble.end;
    this.#end = preamble.end;
    this.#gatheredFrom = preamble.end;
    this.#durableEnd = preamble.end;
    this.#lastCrc = preamble.lastCrc;
  }

  /** The steps for everything appended since the last call. */
  take(): { readonly steps: readonly WriteStep[]; readonly byteCount: number } {
    this.#gather();
    const taken = { steps: this.#steps, byteCount: this.#byteCount };
    this.#steps = [];
    this.#byteCount = 0;
    return taken;
  }

  giveBack(bytes: GatheredBytes): void {
    this.#frames.giveBack(bytes.blocks);
  }

  /** Later frames tell that everything before was durable, so that rot is known from a torn tail. */
  noteDurable(place: DurablePlace): void {
    if (place.segment === this.#segment) this.#durableEnd = place.offset;
  }

  #gather(): void {
    if (this.#frames.byteCount === 0) return;
    this.#steps.push({ kind: 'write', offset: this.#gatheredFrom, bytes: this.#frames.take() });
    this.#gatheredFrom = this.#end;
  }
}
