import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import { assertInvariant } from '../../foundation/assert.ts';
import type { Logger } from '../../foundation/logger.ts';
import { type Sequence, toSequence } from '../../model/position.ts';
import type { JournalSearch } from '../journal-search.ts';
import type { DurableEndWatch, DurablePlace } from './durable-place.ts';
import { IndexCollector } from './index-collector.ts';
import type { JournalFiles } from './journal-files.ts';
import { indexPath } from './journal-paths.ts';
import { OpenSegments } from './open-segments.ts';
import type { PlaceFinder, WalkStart } from './place-finder.ts';
import { findLastPlace, type KnownPlaces } from './known-places.ts';
import { type ReadRoom, ReadRooms } from './read-rooms.ts';
import { readSingleTransaction } from './single-transaction.ts';
import { replaceFile } from './replace-file.ts';
import { listSegments, readSummary } from './segment-catalog.ts';
import { encodeIndex, type IndexedSegment, SegmentIndex, type IndexTable } from './segment-index.ts';
import { SegmentWalk } from './segment-walk.ts';
import { filterHash, tableHash } from './term-hash.ts';

/** What an index works with. */
export interface JournalIndexOptions {
  readonly files: JournalFiles;
  readonly end: DurableEndWatch;
  /** Reads events out of bodies; without it only transaction ids, sequences and times can be found. */
  readonly createDecoder?: (() => TransactionDecoder) | undefined;
  readonly logger: Logger;
  /** What the opening of the journal found out about its last segment: a lane begins there before anybody searches. */
  readonly recovered?: { readonly segment: number; readonly places: KnownPlaces } | undefined;
}

interface OpenSegment {
  readonly walk: SegmentWalk;
  readonly collector: IndexCollector;
}

const always = (): boolean => true;

/** A transaction that a table leads to. */
interface Candidate {
  readonly segment: number;
  readonly sequence: Sequence;
}

/**
 * Indexes of all segments: those of sealed ones in files beside them, made by `refresh` and made again when they are missing
 * or damaged; that of the open segment in memory, bounded by the segment's size. Tables lead to candidates; an answer is
 * always read from the transaction itself.
 */
export class JournalIndex implements JournalSearch, PlaceFinder, AsyncDisposable {
  readonly #options: JournalIndexOptions;
  readonly #sealed = new Map<number, SegmentIndex>();
  readonly #segments: OpenSegments;
  readonly #rooms = new ReadRooms();
  /** The segments before this one have their index here; undefined while that is not known. */
  #sealedBefore: number | undefined;
  #searchCount = 0;
  /** Indexes of removed segments that a search may still read. */
  readonly #leaving: SegmentIndex[] = [];
  #open: OpenSegment | undefined;
  /** One catch-up at a time. */
  #catchUp: Promise<void> = Promise.resolve();

  constructor(options: JournalIndexOptions) {
    this.#options = options;
    this.#segments = new OpenSegments(options.files);
  }

  /** Makes what is missing. Called after segments were sealed; a search calls it as well when there are some. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const running = this.#catchUp.then(() => this.#refresh(signal));
    this.#catchUp = running.catch(() => undefined);
    await running;
  }

  /** What retention has removed is not found any more. */
  async forget(segment: number): Promise<void> {
    const index = this.#sealed.get(segment);
    this.#sealed.delete(segment);
    if (index !== undefined) this.#leaving.push(index);
    await this.#closeLeaving();
    await this.#segments.forget(segment);
  }

  async locateEvent(eventId: string): Promise<Sequence | undefined> {
    assertInvariant(this.#options.createDecoder !== undefined, 'events are found with a decoder');
    const hash = tableHash(eventId);
    const blockHash = filterHash(eventId);
    const isPossible = (index: SegmentIndex): boolean => index.mayHoldEvent(hash, blockHash);
    return await this.#search(async (room) => {
      for (const candidate of await this.#candidates('eventIds', hash, { isPossible, room })) {
        if (await this.#holds(candidate, ({ id }) => id === eventId, room)) return candidate.sequence;
      }
      return undefined;
    });
  }

  async locateKey(key: string): Promise<readonly Sequence[]> {
    assertInvariant(this.#options.createDecoder !== undefined, 'keys are found with a decoder');
    return await this.#search(async (room) => {
      const found: Sequence[] = [];
      for (const candidate of await this.#candidates('keys', tableHash(key), { isPossible: always, room })) {
        if (await this.#holds(candidate, (event) => event.key === key, room)) found.push(candidate.sequence);
      }
      return found;
    });
  }

  async locateTransaction(xid: number): Promise<readonly Sequence[]> {
    return await this.#search(async (room) =>
      (await this.#candidates('xids', xid, { isPossible: always, room })).map(({ sequence }) => sequence),
    );
  }

  async findSequence(segment: number, sequence: bigint): Promise<WalkStart | undefined> {
    const index = this.#known(segment);
    return index === undefined ? undefined : findLastPlace(index, (place) => place.sequence <= sequence);
  }

  async findTime(segment: number, micros: bigint): Promise<WalkStart | 'none' | undefined> {
    const index = this.#known(segment);
    if (index === undefined) return undefined;
    const isNone = index.lastSequence < index.firstSequence || index.greatestMicros < micros;
    // What came to the open segment since it was looked at may be later than all that is known of it.
    if (isNone && this.#sealed.get(segment) === index) return 'none';
    return findLastPlace(index, (place) => place.greatestMicros < micros);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#catchUp;
    await this.#open?.walk[Symbol.asyncDispose]();
    for (const index of [...this.#sealed.values(), ...this.#leaving]) await index[Symbol.asyncDispose]();
    await this.#segments[Symbol.asyncDispose]();
    this.#open = undefined;
    this.#sealed.clear();
  }

  /** Searches what is durable now. Indexes that leave meanwhile are closed behind it. */
  async #search<Result>(find: (room: ReadRoom) => Promise<Result>): Promise<Result> {
    this.#searchCount += 1;
    try {
      if (this.#sealedBefore !== this.#options.end.place.segment) await this.refresh();
      const following = this.#catchUp.then(() => this.#followOpen());
      this.#catchUp = following.catch(() => undefined);
      await following;
      return await this.#rooms.use(find);
    } finally {
      this.#searchCount -= 1;
      if (this.#leaving.length > 0) await this.#closeLeaving();
    }
  }

  async #closeLeaving(): Promise<void> {
    if (this.#searchCount > 0) return;
    for (const index of this.#leaving.splice(0)) await index[Symbol.asyncDispose]();
  }

  async #refresh(signal: AbortSignal | undefined): Promise<void> {
    const { files, end } = this.#options;
    const { segment: open } = end.place;
    const numbers = await listSegments(files.disk, files.paths);
    for (const number of this.#sealed.keys()) if (!numbers.includes(number)) await this.forget(number);
    for (const number of numbers) {
      signal?.throwIfAborted();
      if (number >= open || this.#sealed.has(number)) continue;
      const segment = await this.#describe(number);
      const path = indexPath(files.paths, number);
      let index = await SegmentIndex.open(files.disk, path, segment);
      if (index === undefined || (!index.hasTerms && this.#options.createDecoder !== undefined)) {
        await index?.[Symbol.asyncDispose]();
        await this.#build(segment);
        index = await SegmentIndex.open(files.disk, path, segment);
      }
      if (index !== undefined) this.#sealed.set(number, index);
    }
    this.#sealedBefore = open;
  }

  /** What the segment behind it remembers of a sealed one. */
  async #describe(number: number): Promise<IndexedSegment> {
    const { disk, paths, journalId } = this.#options.files;
    const { header } = await readSummary(disk, paths, number, journalId);
    const { header: next } = await readSummary(disk, paths, number + 1, journalId);
    const { firstSequence } = header;
    return { journalId, number, byteCount: next.previousByteCount, lastCrc: next.lineage, firstSequence };
  }

  async #build(segment: IndexedSegment): Promise<void> {
    const { files, logger } = this.#options;
    await using walk = await SegmentWalk.open(files, segment.number, segment.byteCount);
    const decoder = this.#options.createDecoder?.();
    const collector = new IndexCollector({ files, decoder, firstSequence: segment.firstSequence, isForFile: true });
    await collector.collect(walk);
    await replaceFile(
      files.disk,
      indexPath(files.paths, segment.number),
      encodeIndex(segment, collector, decoder !== undefined),
    );
    logger.debug('journal segment indexed', { segment: segment.number, eventCount: collector.eventIds.length });
  }

  async #followOpen(): Promise<void> {
    const { end } = this.#options;
    for (;;) {
      const { place } = end;
      if (this.#open?.walk.number !== place.segment) {
        // What was sealed meanwhile gets its own index before the one in memory goes: a search finds one or the other.
        await this.#refresh(undefined);
        const before = this.#open;
        this.#open = await this.#beginOpen(place);
        await before?.walk[Symbol.asyncDispose]();
      }
      const { walk, collector } = this.#open;
      walk.extendTo(place.offset);
      await collector.collect(walk);
      if (end.place.segment === place.segment) return;
    }
  }

  async #beginOpen(place: DurablePlace): Promise<OpenSegment> {
    const { files, createDecoder } = this.#options;
    const walk = await SegmentWalk.open(files, place.segment, place.offset);
    const { firstSequence } = walk.header;
    return {
      walk,
      collector: new IndexCollector({ files, decoder: createDecoder?.(), firstSequence, isForFile: false }),
    };
  }

  /** What a table leads to, ascending over all segments. */
  async #candidates(
    table: IndexTable,
    hash: number,
    { isPossible, room }: { readonly isPossible: (index: SegmentIndex) => boolean; readonly room: ReadRoom },
  ): Promise<readonly Candidate[]> {
    const found: Candidate[] = [];
    for (const [segment, index] of this.#sealed) {
      if (!isPossible(index)) continue;
      for (const sequence of await index.find(table, hash, room))
        found.push({ segment, sequence: toSequence(sequence) });
    }
    if (this.#open !== undefined && !this.#sealed.has(this.#open.walk.number)) {
      const { walk, collector } = this.#open;
      for (const relative of new Set(collector[table].find(hash))) {
        const sequence = toSequence(walk.header.firstSequence + BigInt(relative));
        found.push({ segment: walk.number, sequence });
      }
    }
    return found.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1));
  }

  /** Reads the one transaction and looks at its events. */
  async #holds(
    { segment, sequence }: Candidate,
    isWanted: (event: { readonly id: string; readonly key: string | null }) => boolean,
    room: ReadRoom,
  ): Promise<boolean> {
    const { files, createDecoder } = this.#options;
    const index = this.#known(segment);
    const start = index === undefined ? undefined : findLastPlace(index, (place) => place.sequence <= sequence);
    if (index === undefined || start === undefined || createDecoder === undefined) return false;
    const limit = index.byteCount;
    try {
      return await this.#segments.use(segment, async (beginning) => {
        const place = { beginning, sequence, limit, start, room };
        for await (const records of readSingleTransaction(files, place, createDecoder())) {
          if (records.some((record) => record.kind === 'event' && isWanted(record.event))) return true;
        }
        return false;
      });
    } catch (error) {
      // What retention has removed since the tables were read is not found.
      if ((await listSegments(files.disk, files.paths)).includes(segment)) throw error;
      return false;
    }
  }

  /** An index that is there already; none is made for a reader that only wants to begin. */
  #known(number: number): KnownPlaces | undefined {
    if (this.#open?.walk.number !== number) return this.#sealed.get(number) ?? this.#recovered(number);
    const { walk, collector } = this.#open;
    const { places, contextOffsets, lastSequence, greatestMicros } = collector;
    const { firstSequence } = walk.header;
    return { places, contextOffsets, lastSequence, greatestMicros, firstSequence, byteCount: walk.position };
  }

  #recovered(number: number): KnownPlaces | undefined {
    const { recovered } = this.#options;
    return recovered?.segment === number ? recovered.places : undefined;
  }
}
