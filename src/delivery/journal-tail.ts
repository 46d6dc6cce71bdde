import { toSequence } from '../model/position.ts';
import type { DecodedPart, PartPlace } from './decoded-part.ts';
import { PartReader, type PartReaderOptions } from './part-reader.ts';
import { PartRing } from './part-ring.ts';

/** What is read, by whom it is decoded, and how much of it is kept. */
export interface JournalTailOptions extends PartReaderOptions {
  /** Memory for decoded parts that lanes share, by estimate. Default 32 MiB. */
  readonly ringByteCountMax?: number;
}

/** One lane's way through the journal. `take` never waits; `onReady` never polls. */
export interface TailCursor {
  /**
   * The next part if one is at hand. @throws HW-CAPTURE codes for a body that cannot be decoded, HW-JOURNAL codes of the read;
   * the cursor is then of no use any more.
   */
  take(): DecodedPart | undefined;
  /** Calls back once, never before it returns, when `take` has something to say again. Replaces an earlier callback. */
  onReady(callback: () => void): void;
  close(): void;
}

/**
 * The end of the journal, decoded once for all lanes that stand there.
 *
 * Problem: each lane moves at its own pace, decoding costs more than reading, and a sink that hangs must hold neither the
 * others nor memory. Approach: the lane that is furthest ahead has the journal read and decoded, part by part as it asks;
 * the newest parts stay in a ring bounded in bytes. Lanes inside the ring take from it. A lane that the ring has left behind
 * reads and decodes for itself until it meets the ring at the end of a transaction. Nobody asking means nothing is read. For a
 * lane that takes nothing while as much is added as the ring may hold, it holds nothing: parts that wait for it would outlive the engine's young
 * generation, and cost all others a third of their time.
 *
 * I1  A cursor yields every transaction behind its start, in order, none twice, whichever way the parts came.
 * I2  The ring stays within its bytes, except for a single part larger than that.
 */
export class JournalTail {
  readonly #options: PartReaderOptions;
  readonly #ring: PartRing;
  readonly #ringByteCountMax: number;
  readonly #cursors = new Set<Cursor>();
  #front: PartReader | undefined;
  #isReading = false;

  constructor(options: JournalTailOptions) {
    this.#options = options;
    this.#ringByteCountMax = options.ringByteCountMax ?? 32 * 1024 * 1024;
    this.#ring = new PartRing(this.#ringByteCountMax);
  }

  /** What the shared parts take in memory, by estimate. */
  get ringByteCount(): number {
    return this.#ring.byteCount;
  }

  /** Opens a way that begins behind `place`. */
  open(place: PartPlace): TailCursor {
    const cursor = new Cursor(place, this.#options, this.#shared);
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Opens a reader of its own at an earlier place, which neither shares nor moves the ring. The caller closes it. */
  openAlone(place: PartPlace): PartReader {
    return new PartReader(place, this.#options);
  }

  /** Closes every cursor and ends the read under way. */
  close(): void {
    for (const cursor of this.#cursors) cursor.close();
    this.#closeFront();
  }

  readonly #shared: SharedTail = {
    join: (place) => this.#join(place),
    at: (index) => this.#at(index),
    isGone: (index) => this.#ring.isGone(index),
    request: () => this.#request(),
    forget: (cursor) => {
      this.#cursors.delete(cursor);
      if (this.#cursors.size === 0) this.#closeFront();
    },
    release: () => this.#release(),
    addedByteCount: () => this.#ring.addedByteCount,
  };

  /** The ring's number for what follows `place`; undefined while the ring is ahead of it. */
  #join(place: PartPlace): number | undefined {
    const isAhead = this.#front === undefined || place.sequence > this.#ring.end.sequence;
    const isFurtherIn = place.sequence === this.#ring.end.sequence && place.recordCount > this.#ring.end.recordCount;
    if (isAhead || isFurtherIn) {
      this.#closeFront();
      this.#front = new PartReader(place, this.#options);
      this.#ring.reset(place);
      for (const cursor of this.#cursors) cursor.wake();
      return this.#ring.endIndex;
    }
    if (place.recordCount === 0) return this.#ring.find(place.sequence);
    const isAtEnd = place.sequence === this.#ring.end.sequence && place.recordCount === this.#ring.end.recordCount;
    return isAtEnd ? this.#ring.endIndex : undefined;
  }

  #at(index: number): DecodedPart | undefined {
    const known = this.#ring.at(index);
    if (known !== undefined || index !== this.#ring.endIndex || this.#front === undefined) return known;
    const part = this.#takeFront(this.#front);
    if (part === undefined) return undefined;
    this.#ring.add(part, this.#front.place);
    for (const cursor of this.#cursors) cursor.wake();
    return this.#ring.at(index);
  }

  /** A front that failed is given up: whoever comes next begins a new one where the ring ends. */
  #takeFront(front: PartReader): DecodedPart | undefined {
    try {
      return front.take();
    } catch (thrown) {
      this.#closeFront();
      throw thrown;
    }
  }

  #request(): boolean {
    const front = this.#front;
    if (front === undefined) return false;
    if (this.#isReading) return true;
    this.#isReading = true;
    front.advance().then(
      () => this.#ended(front, undefined),
      (thrown: unknown) => this.#ended(front, { thrown }),
    );
    return true;
  }

  #ended(front: PartReader, failure: ReadFailure | undefined): void {
    if (front !== this.#front) return;
    this.#isReading = false;
    if (failure !== undefined) this.#closeFront();
    for (const cursor of this.#cursors) cursor.wake(failure);
  }

  #closeFront(): void {
    this.#front?.close();
    this.#front = undefined;
    this.#isReading = false;
  }

  #release(): void {
    let taken = this.#ring.endIndex;
    // Whom the ring has left behind it holds nothing for.
    const sinceByteCount = this.#ring.addedByteCount - this.#ringByteCountMax;
    for (const cursor of this.#cursors) {
      if (cursor.tookAtByteCount >= sinceByteCount) taken = Math.min(taken, cursor.ringIndex ?? taken);
    }
    this.#ring.release(taken);
  }
}

interface ReadFailure {
  readonly thrown: unknown;
}

/** What a cursor sees of the tail. */
interface SharedTail {
  join(place: PartPlace): number | undefined;
  at(index: number): DecodedPart | undefined;
  isGone(index: number): boolean;
  /** Reads on at the front; false when there is none. */
  request(): boolean;
  forget(cursor: Cursor): void;
  release(): void;
  addedByteCount(): number;
}

class Cursor implements TailCursor {
  readonly #options: PartReaderOptions;
  readonly #shared: SharedTail;
  #place: PartPlace;
  #index: number | undefined;
  /** While the ring is ahead. */
  #own: PartReader | undefined;
  #isOwnReading = false;
  #callback: (() => void) | undefined;
  #failure: ReadFailure | undefined;
  #isClosed = false;
  #tookAtByteCount: number;

  constructor(place: PartPlace, options: PartReaderOptions, shared: SharedTail) {
    this.#place = place;
    this.#options = options;
    this.#shared = shared;
    this.#tookAtByteCount = shared.addedByteCount();
  }

  /** Where in the ring the cursor stands; undefined while it reads for itself. */
  get ringIndex(): number | undefined {
    return this.#index;
  }

  /** How much had been added to the ring when this cursor was last asked for a part. */
  get tookAtByteCount(): number {
    return this.#tookAtByteCount;
  }

  take(): DecodedPart | undefined {
    this.#tookAtByteCount = this.#shared.addedByteCount();
    if (this.#isClosed) return undefined;
    if (this.#index !== undefined && this.#shared.isGone(this.#index)) this.#index = undefined;
    if (this.#index === undefined && this.#maySwitch()) this.#join();
    const part = this.#index === undefined ? this.#takeOwn() : this.#shared.at(this.#index);
    if (part !== undefined) this.#moveBehind(part);
    else if (this.#failure !== undefined) throw this.#failure.thrown;
    return part;
  }

  onReady(callback: () => void): void {
    this.#callback = callback;
    if (this.#isClosed) return;
    if (this.#index !== undefined) {
      if (this.#shared.request()) return;
      // The front that this cursor counted on was given up: look for another way.
      this.#index = undefined;
      this.wake();
      return;
    }
    if (this.#own !== undefined) this.#readOwn(this.#own);
  }

  wake(failure?: ReadFailure): void {
    // A failed front concerns those who would have gone on from it.
    if (failure !== undefined && this.#index !== undefined) this.#failure = failure;
    const callback = this.#callback;
    this.#callback = undefined;
    if (callback !== undefined) queueMicrotask(callback);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#callback = undefined;
    this.#own?.close();
    this.#own = undefined;
    this.#index = undefined;
    this.#shared.forget(this);
  }

  /** At the end of a transaction, or before anything was read for this cursor alone. */
  #maySwitch(): boolean {
    return this.#own === undefined || this.#place.recordCount === 0;
  }

  #join(): void {
    this.#index = this.#shared.join(this.#place);
    if (this.#index === undefined) {
      this.#own ??= new PartReader(this.#place, this.#options);
      return;
    }
    this.#own?.close();
    this.#own = undefined;
  }

  #takeOwn(): DecodedPart | undefined {
    return this.#own?.take();
  }

  #readOwn(own: PartReader): void {
    if (this.#isOwnReading) return;
    this.#isOwnReading = true;
    const ended = (failure: ReadFailure | undefined): void => {
      this.#isOwnReading = false;
      if (own !== this.#own) return;
      this.#failure = failure;
      this.wake();
    };
    own.advance().then(
      () => ended(undefined),
      (thrown: unknown) => ended({ thrown }),
    );
  }

  #moveBehind(part: DecodedPart): void {
    this.#place = part.isLast
      ? { sequence: part.header.sequence, recordCount: 0 }
      : { sequence: toSequence(part.header.sequence - 1n), recordCount: part.firstOrdinal + part.records.length };
    if (this.#index === undefined) return;
    this.#index += 1;
    this.#shared.release();
  }
}
