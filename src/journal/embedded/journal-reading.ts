import { assertInvariant } from '../../foundation/assert.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { TransactionHeader } from '../../model/transaction.ts';
import type { ReadOptions, StoredEntry } from '../journal-reader.ts';
import { type CommitRecord, commitRecordLength, messagesOf } from './commit-record.ts';
import { corruptBytes } from './corruption.ts';
import type { DurableEndWatch } from './durable-place.ts';
import { bodyEncodingCode, bodyEncodingName, type Frame } from './frame.ts';
import type { JournalFiles } from './journal-files.ts';
import type { PlaceFinder } from './place-finder.ts';
import { listSegments, readSummary } from './segment-catalog.ts';
import type { FoldStep } from './segment-fold.ts';
import { SegmentWalk } from './segment-walk.ts';
import { readSpool } from './spool-reader.ts';
import type { SpoolReference } from './spool-reference.ts';
import { locateSegment } from './segment-location.ts';

/** Bodies of open fragments that are kept until their commit is met; beyond, they are read a second time. */
const heldByteCountMax = 8 * 1024 * 1024;
/** A batch is handed over above this size: whoever works on it finds it in the processor's cache still. */
const batchByteCount = 256 * 1024;

type Batch = readonly StoredEntry[];
type CommitStep = Extract<FoldStep, { kind: 'commit' }>;

/** A body and the number of its encoding. */
interface StoredBody {
  readonly body: Uint8Array;
  readonly encoding: number;
}

const noBody: StoredBody = { body: new Uint8Array(0), encoding: bodyEncodingCode.none };

/** What stands in a commit frame itself. */
function lastOf(commit: Frame): StoredBody {
  return { body: messagesOf(commit), encoding: commit.encoding };
}

/** What every reading of a journal works with. */
export interface ReadingGround {
  readonly files: JournalFiles;
  readonly end: DurableEndWatch;
  readonly places: PlaceFinder;
}

/** One pass over committed transactions, from behind `after` on. Used once. */
export class JournalReading {
  readonly #files: JournalFiles;
  readonly #end: DurableEndWatch;
  readonly #places: PlaceFinder;
  readonly #options: ReadOptions;
  #entries: StoredEntry[] = [];
  /** Of the bodies among them. */
  #byteCount = 0;
  #hasBegun = false;
  /** Of the open transaction; the offset of one that was too much to hold. */
  #fragments: (Frame | number)[] = [];
  #heldByteCount = 0;

  constructor({ files, end, places }: ReadingGround, options: ReadOptions) {
    this.#files = files;
    this.#end = end;
    this.#places = places;
    this.#options = options;
  }

  async *batches(): AsyncGenerator<Batch> {
    const { after, signal } = this.#options;
    signal?.throwIfAborted();
    let place = this.#end.place;
    if (after > place.sequence) {
      throw new HeadwaterError('HW-JOURNAL-011', `position ${after} lies beyond the last sequence, ${place.sequence}`);
    }
    // A segment that is made and not published yet may be there already.
    const first = Math.min(await locateSegment(this.#files, after), place.segment);
    let walk = await this.#openFirst(first, place);
    try {
      for (;;) {
        yield* this.#walk(walk);
        const { version } = this.#end;
        place = this.#end.place;
        if (place.segment > walk.number) {
          const next: SegmentWalk | undefined = await this.#advance(walk, place);
          if (next === undefined) continue;
          await walk[Symbol.asyncDispose]();
          walk = next;
        } else if (place.offset > walk.position) {
          walk.extendTo(place.offset);
        } else if (this.#options.follow) {
          await this.#end.changedSince(version, signal);
        } else {
          return;
        }
      }
    } finally {
      await walk[Symbol.asyncDispose]();
    }
  }

  /** Begins near the first wanted transaction when an index knows the place. */
  async #openFirst(number: number, place: { readonly segment: number; readonly offset: number }): Promise<SegmentWalk> {
    const start = await this.#places.findSequence(number, this.#options.after + 1n);
    if (start === undefined) return await this.#openWalk(number, place);
    return await SegmentWalk.openAt(this.#files, number, { limit: await this.#limitOf(number, place), start });
  }

  async #limitOf(number: number, place: { readonly segment: number; readonly offset: number }): Promise<number> {
    return number === place.segment ? place.offset : (await this.#nextHeader(number)).previousByteCount;
  }

  async #openWalk(number: number, place: { readonly segment: number; readonly offset: number }): Promise<SegmentWalk> {
    return await SegmentWalk.open(this.#files, number, await this.#limitOf(number, place));
  }

  async #nextHeader(number: number): Promise<{ readonly previousByteCount: number }> {
    const { disk, paths, journalId } = this.#files;
    try {
      return (await readSummary(disk, paths, number + 1, journalId)).header;
    } catch (error) {
      const [oldest] = await listSegments(disk, paths);
      if (oldest === undefined || oldest <= number + 1) throw error;
      throw new HeadwaterError(
        'HW-JOURNAL-010',
        `segment ${number + 1} was removed by retention while it was to be read`,
      );
    }
  }

  /** The segment behind a finished one; undefined when the finished one turns out to be longer than what was read. */
  async #advance(
    walk: SegmentWalk,
    place: { readonly segment: number; readonly offset: number },
  ): Promise<SegmentWalk | undefined> {
    const { previousByteCount } = await this.#nextHeader(walk.number);
    if (walk.position < previousByteCount) {
      walk.extendTo(previousByteCount);
      return undefined;
    }
    const next = await this.#openWalk(walk.number + 1, place);
    const { lineage, firstSequence } = next.header;
    const isSuccessor = lineage === walk.fold.lastCrc && firstSequence === walk.fold.head.lastSequence + 1n;
    if (isSuccessor && walk.position === previousByteCount) return next;
    await next[Symbol.asyncDispose]();
    throw corruptBytes(walk.file.path, walk.position, `segment ${walk.number + 1} does not follow this one`);
  }

  async *#walk(walk: SegmentWalk): AsyncGenerator<Batch> {
    const { signal } = this.#options;
    for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
      if (step.kind === 'more') {
        yield* this.#take();
        signal?.throwIfAborted();
        await walk.load(step.byteCount);
        continue;
      }
      if (step.kind === 'commit' && this.#isWanted(step.record)) {
        // Most transactions are one frame; delegating to a generator for each would cost more than reading it.
        if (this.#fragments.length === 0) this.#commitInOneFrame(walk, step);
        else yield* this.#commit(walk, step);
      } else if (step.kind === 'spooled-commit' && this.#isWanted(step.record)) {
        yield* this.#spooledCommit(this.#begin(walk, step.record), step.spool);
      } else this.#meet(step);
      if (step.kind === 'commit') this.#forgetFragments();
      if (this.#byteCount >= batchByteCount) yield* this.#take();
    }
    yield* this.#take();
  }

  #meet(meaning: FoldStep): void {
    if (meaning.kind === 'fragment') this.#hold(meaning.frame);
    else if (meaning.kind === 'dropped') this.#forgetFragments();
    else if (meaning.kind === 'schema' && this.#hasBegun && !meaning.isPreamble) {
      this.#entries.push({ kind: 'schema', ...meaning.entry });
    }
  }

  #isWanted(record: CommitRecord): boolean {
    return record.sequence > this.#options.after;
  }

  /** What is handed over first are the schemas known before it; those of the transaction itself come behind it. */
  #begin(walk: SegmentWalk, record: CommitRecord): TransactionHeader {
    const { head } = walk.fold;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      for (const entry of head.schemas) this.#entries.push({ kind: 'schema', ...entry });
    }
    const { source } = head;
    assertInvariant(source !== undefined, 'a source is recorded before its transactions');
    return {
      sequence: record.sequence,
      xid: record.xid,
      commitLsn: record.commitLsn,
      commitEndLsn: record.commitEndLsn,
      commitTimeMicros: record.commitTimeMicros,
      systemId: source.systemId,
      timeline: source.timeline,
      messageCount: record.messageCount,
      uncopiedTables: source.uncopiedTables.length === 0 ? undefined : source.uncopiedTables,
      copiedLanes: source.copiedLanes,
    };
  }

  #commitInOneFrame(walk: SegmentWalk, { record, frame }: CommitStep): void {
    const header = this.#begin(walk, record);
    const body = messagesOf(frame);
    // Without an object in between: this is done for nearly every transaction.
    const encoding = bodyEncodingName(frame.encoding);
    this.#entries.push({ kind: 'fragment', header, encoding, body, isFirst: true, isLast: true });
    this.#byteCount += body.length;
  }

  async *#commit(walk: SegmentWalk, meaning: CommitStep): AsyncGenerator<Batch> {
    const header = this.#begin(walk, meaning.record);
    const isLastInCommit = meaning.frame.bodyLength > commitRecordLength;
    const fragments = this.#fragments;
    for (const [index, held] of fragments.entries()) {
      const { body, encoding } = typeof held === 'number' ? await walk.readAgain(held) : held;
      const isLast = !isLastInCommit && index === fragments.length - 1;
      this.#push(header, { body, encoding }, index === 0, isLast);
      if (this.#byteCount < batchByteCount) continue;
      yield* this.#take();
      this.#options.signal?.throwIfAborted();
    }
    if (isLastInCommit) this.#push(header, lastOf(meaning.frame), false, true);
  }

  async *#spooledCommit(header: TransactionHeader, reference: SpoolReference): AsyncGenerator<Batch> {
    const { signal } = this.#options;
    let before: StoredBody | undefined;
    let isFirst = true;
    for await (const { body, encoding } of readSpool({ ...this.#files, reference })) {
      if (before !== undefined) {
        this.#push(header, before, isFirst, false);
        isFirst = false;
      }
      before = { body, encoding };
      if (this.#byteCount < batchByteCount) continue;
      yield* this.#take();
      signal?.throwIfAborted();
    }
    this.#push(header, before ?? noBody, isFirst, true);
  }

  #push(header: TransactionHeader, { body, encoding }: StoredBody, isFirst: boolean, isLast: boolean): void {
    this.#entries.push({ kind: 'fragment', header, encoding: bodyEncodingName(encoding), body, isFirst, isLast });
    this.#byteCount += body.length;
  }

  *#take(): Generator<Batch> {
    if (this.#entries.length === 0) return;
    const batch = this.#entries;
    this.#entries = [];
    this.#byteCount = 0;
    yield batch;
  }

  #hold(frame: Frame): void {
    const isHeld = this.#heldByteCount + frame.bodyLength <= heldByteCountMax;
    this.#fragments.push(isHeld ? frame : frame.offset);
    if (isHeld) this.#heldByteCount += frame.bodyLength;
  }

  #forgetFragments(): void {
    if (this.#fragments.length > 0) this.#fragments = [];
    this.#heldByteCount = 0;
  }
}
