import { type Sequence, sequenceZero, toSequence } from '../model/position.ts';
import type { DecodedPart, PartPlace } from './decoded-part.ts';

/**
 * The newest decoded parts, numbered from where the ring was last reset. Bounded in estimated bytes of memory: the oldest
 * parts go first, whoever still needed them reads them from the journal again. Pure.
 */
export class PartRing {
  readonly #byteCountMax: number;
  readonly #byteCountKept: number;
  /** Undefined before the head: what was dropped, and must not be held. */
  #parts: (DecodedPart | undefined)[] = [];
  #head = 0;
  #firstIndex = 0;
  #byteCount = 0;
  #addedByteCount = 0;
  #end: PartPlace = { sequence: sequenceZero, recordCount: 0 };

  constructor(byteCountMax: number) {
    this.#byteCountMax = byteCountMax;
    this.#byteCountKept = byteCountMax / 8;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Of all parts that were ever added: a clock for those who wait for somebody. */
  get addedByteCount(): number {
    return this.#addedByteCount;
  }

  /** The place behind the newest part. */
  get end(): PartPlace {
    return this.#end;
  }

  /** The number that the next part will get. */
  get endIndex(): number {
    return this.#firstIndex + this.#parts.length - this.#head;
  }

  /** Forgets all parts and begins anew at a place. Numbers go on, so that an old one is never valid again. */
  reset(place: PartPlace): void {
    this.#firstIndex = this.endIndex + 1;
    this.#parts = [];
    this.#head = 0;
    this.#byteCount = 0;
    this.#end = place;
  }

  /** Adds the part that follows `end`. */
  add(part: DecodedPart, end: PartPlace): void {
    this.#parts.push(part);
    this.#byteCount += part.memoryByteCount;
    this.#addedByteCount += part.memoryByteCount;
    this.#end = end;
    while (this.#byteCount > this.#byteCountMax && this.#parts.length - this.#head > 1) this.#dropOldest();
  }

  /** Drops what everybody has taken, down to a remainder that lets those behind find the way in. */
  release(beforeIndex: number): void {
    while (this.#byteCount > this.#byteCountKept && this.#firstIndex < beforeIndex && this.#head < this.#parts.length)
      this.#dropOldest();
  }

  /** The part of that number; undefined when it is gone or not there yet. */
  at(index: number): DecodedPart | undefined {
    return index < this.#firstIndex ? undefined : this.#parts[this.#head + index - this.#firstIndex];
  }

  /** Whether a part of that number was here and is gone. */
  isGone(index: number): boolean {
    return index < this.#firstIndex;
  }

  /** The number of the part that follows the end of transaction `sequence`; undefined when the ring does not reach there. */
  find(sequence: Sequence): number | undefined {
    if (this.#end.sequence === sequence && this.#end.recordCount === 0) return this.endIndex;
    if (sequence >= this.#end.sequence + 1n) return undefined;
    const wanted = toSequence(sequence + 1n);
    let low = this.#head;
    let high = this.#parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const part = this.#parts[middle];
      if (part !== undefined && part.header.sequence < wanted) low = middle + 1;
      else high = middle;
    }
    const found = this.#parts[low];
    return found?.header.sequence === wanted && found.isFirst ? this.#firstIndex + low - this.#head : undefined;
  }

  #dropOldest(): void {
    const part = this.#parts[this.#head];
    if (part === undefined) return;
    this.#byteCount -= part.memoryByteCount;
    this.#parts[this.#head] = undefined;
    this.#head += 1;
    this.#firstIndex += 1;
    if (this.#head < 1024 || this.#head * 2 < this.#parts.length) return;
    this.#parts = this.#parts.slice(this.#head);
    this.#head = 0;
  }
}
