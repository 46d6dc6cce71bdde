import { type Sequence, toSequence } from '../../model/position.ts';
import type { DurablePlace } from './durable-place.ts';
import type { JournalFiles } from './journal-files.ts';
import type { PlaceFinder, WalkStart } from './place-finder.ts';
import { listSegments, readSummary } from './segment-catalog.ts';
import { SegmentWalk } from './segment-walk.ts';

/** Commit times of one segment. */
interface TimeRange {
  readonly first: bigint | undefined;
  readonly greatest: bigint | undefined;
}

/**
 * Finds places by commit time. Commit times may go back a little from one transaction to the next, and a lot when a clock
 * is set, so only the first transaction that committed at or later than an instant is a safe place to begin.
 */
export class SegmentTimes {
  readonly #files: JournalFiles;
  readonly #places: PlaceFinder;
  readonly #sealed = new Map<number, TimeRange>();
  /** Of the first segment that has any: what is written there stays. */
  #first: { readonly number: number; readonly micros: bigint } | undefined;

  constructor(files: JournalFiles, places: PlaceFinder) {
    this.#files = files;
    this.#places = places;
  }

  async firstCommitMicros(end: DurablePlace): Promise<bigint | undefined> {
    const numbers = await this.#numbers(end);
    // Retention removes the oldest first, so what is there before it was found empty then.
    if (this.#first !== undefined && numbers.includes(this.#first.number)) return this.#first.micros;
    for (const number of numbers) {
      const found = await this.#find({ number, end, start: undefined }, () => true);
      if (found === undefined) continue;
      this.#first = { number, micros: found.commitTimeMicros };
      return found.commitTimeMicros;
    }
    return undefined;
  }

  /** The sequence before the first transaction that committed at or after the time. */
  async locate(micros: bigint, end: DurablePlace): Promise<Sequence> {
    for (const number of await this.#numbers(end)) {
      const known = this.#sealed.get(number);
      if (known !== undefined && (known.greatest === undefined || known.greatest < micros)) continue;
      const start = await this.#places.findTime(number, micros);
      if (start === 'none') continue;
      const found = await this.#find({ number, end, start }, (time) => time >= micros);
      if (found !== undefined) return toSequence(found.sequence - 1n);
    }
    return end.sequence;
  }

  async #numbers(end: DurablePlace): Promise<readonly number[]> {
    const { disk, paths } = this.#files;
    return (await listSegments(disk, paths)).filter((number) => number <= end.segment);
  }

  async #find(
    {
      number,
      end,
      start,
    }: { readonly number: number; readonly end: DurablePlace; readonly start: WalkStart | undefined },
    isWanted: (commitTimeMicros: bigint) => boolean,
  ): Promise<{ readonly sequence: Sequence; readonly commitTimeMicros: bigint } | undefined> {
    const limit = number < end.segment ? await this.#sizeOf(number) : end.offset;
    await using walk =
      start === undefined
        ? await SegmentWalk.open(this.#files, number, limit)
        : await SegmentWalk.openAt(this.#files, number, { limit, start });
    let first: bigint | undefined;
    let greatest: bigint | undefined;
    for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
      if (step.kind === 'more') {
        await walk.load(step.byteCount);
        continue;
      }
      if (step.kind !== 'commit' && step.kind !== 'spooled-commit') continue;
      const { sequence, commitTimeMicros } = step.record;
      if (isWanted(commitTimeMicros)) return { sequence, commitTimeMicros };
      first ??= commitTimeMicros;
      if (greatest === undefined || commitTimeMicros > greatest) greatest = commitTimeMicros;
    }
    if (number < end.segment && start === undefined) this.#sealed.set(number, { first, greatest });
    return undefined;
  }

  async #sizeOf(number: number): Promise<number> {
    const { disk, paths, journalId } = this.#files;
    return (await readSummary(disk, paths, number, journalId)).byteCount;
  }
}
