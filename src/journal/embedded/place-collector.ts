import { unreachable } from '../../foundation/assert.ts';
import { frameKind } from './frame.ts';
import type { IndexPlace, KnownPlaces } from './known-places.ts';
import type { FoldStep } from './segment-fold.ts';

/** Bytes between two places of an index. */
const placeDistance = 64 * 1024;
/** Less than every commit time. */
const timeNone: bigint = -(2n ** 63n);

/** Where the frame of a step stands. */
export interface StepPlace {
  /** Where its unit begins. */
  readonly unitStart: number;
  /** Of its segment. */
  readonly preambleEnd: number;
}

/** Gathers where reading may begin in one segment, from the steps of a walk or a scan over it, in order. No I/O. */
export class PlaceCollector {
  readonly places: IndexPlace[] = [];
  readonly contextOffsets: number[] = [];
  readonly #firstSequence: bigint;
  #greatestMicros: bigint = timeNone;
  #lastSequence: bigint;

  constructor(firstSequence: bigint) {
    this.#firstSequence = firstSequence;
    this.#lastSequence = firstSequence - 1n;
  }

  get lastSequence(): bigint {
    return this.#lastSequence;
  }

  get greatestMicros(): bigint {
    return this.#greatestMicros;
  }

  take(step: FoldStep, place: StepPlace): void {
    switch (step.kind) {
      case 'schema':
        if (!step.isPreamble) this.contextOffsets.push(step.offset);
        return;
      case 'source':
        if (step.offset >= place.preambleEnd) this.contextOffsets.push(step.offset);
        return;
      case 'prepared':
      case 'spool-ended':
        this.contextOffsets.push(step.offset);
        return;
      case 'spooled-commit':
        if (step.frame.kind === frameKind.preparedCommit) this.contextOffsets.push(step.frame.offset);
        this.#commit(step.record, place.unitStart);
        return;
      case 'commit':
        this.#commit(step.record, place.unitStart);
        return;
      case 'nothing':
      case 'fragment':
      case 'dropped':
        return;
      default:
        unreachable(step);
    }
  }

  /** What was gathered of the first `byteCount` bytes. */
  known(byteCount: number): KnownPlaces {
    return {
      places: this.places,
      contextOffsets: this.contextOffsets,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
      greatestMicros: this.#greatestMicros,
      byteCount,
    };
  }

  #commit(record: { readonly sequence: bigint; readonly commitTimeMicros: bigint }, offset: number): void {
    const { sequence, commitTimeMicros } = record;
    const last = this.places.at(-1);
    if (last === undefined || offset - last.offset >= placeDistance) {
      this.places.push({ sequence, greatestMicros: this.#greatestMicros, offset });
    }
    this.#lastSequence = sequence;
    if (commitTimeMicros > this.#greatestMicros) this.#greatestMicros = commitTimeMicros;
  }
}
