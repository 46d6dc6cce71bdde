import { join } from 'node:path';

import type { DurableEnd } from '../../capture/change-recorder.ts';
import type { Instant } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Lsn } from '../../model/lsn.ts';
import { type Sequence, toSequence } from '../../model/position.ts';
import type { JournalExtent, JournalReader, ReadOptions, StoredEntry, WriterPresence } from '../journal-reader.ts';
import type { EventTerm, JournalNarrowing, SequenceRange } from '../journal-search.ts';
import { readFailure } from './disk-failure.ts';
import type { DurableEndWatch } from './durable-place.ts';
import type { JournalFiles } from './journal-files.ts';
import { JournalReading } from './journal-reading.ts';
import { noPlaces, type PlaceFinder } from './place-finder.ts';
import { listSegments, readSummary, readWhileSegmentsGo } from './segment-catalog.ts';
import { SegmentNarrowing } from './segment-narrowing.ts';
import { SegmentTimes } from './segment-times.ts';

/** Where a reader learns what is durable, and from whom. */
export interface ReaderEnd extends DurableEndWatch {
  readonly presence: WriterPresence;
}

/** What a reader works with. */
export interface JournalReaderParts {
  readonly files: JournalFiles;
  readonly end: ReaderEnd;
  /** Default: every segment is read from its start. */
  readonly places?: PlaceFinder;
  readonly onClose?: () => Promise<void>;
}

/** Reads segments straight from the files, never beyond the durable end. Any number of reads may run at once. */
export class EmbeddedJournalReader implements JournalReader, JournalNarrowing {
  readonly journalId: string;
  readonly #files: JournalFiles;
  readonly #end: ReaderEnd;
  readonly #places: PlaceFinder;
  readonly #times: SegmentTimes;
  readonly #closing = new AbortController();
  readonly #onClose: () => Promise<void>;

  constructor({ files, end, places = noPlaces, onClose = async () => {} }: JournalReaderParts) {
    this.journalId = files.journalId;
    this.#files = files;
    this.#end = end;
    this.#places = places;
    this.#times = new SegmentTimes(files, places);
    this.#onClose = onClose;
  }

  get presence(): WriterPresence {
    return this.#end.presence;
  }

  get durableEnd(): DurableEnd {
    const { sequence, recordedLsn } = this.#end.place;
    return { sequence, recordedLsn };
  }

  async *read(options: ReadOptions): AsyncGenerator<readonly StoredEntry[]> {
    const ground = { files: this.#files, end: this.#end, places: this.#places };
    try {
      yield* new JournalReading(ground, { ...options, signal: this.#signal(options.signal) }).batches();
    } catch (error) {
      throw readFailure(error, this.#files.paths.directory);
    }
  }

  waitBehind(after: Sequence, signal?: AbortSignal): Promise<DurableEnd> {
    return this.#waitFor(({ sequence }) => sequence > after, signal);
  }

  waitRecorded(lsn: Lsn, signal?: AbortSignal): Promise<DurableEnd> {
    return this.#waitFor(({ recordedLsn }) => recordedLsn >= lsn, signal);
  }

  async #waitFor(isReached: (end: DurableEnd) => boolean, signal: AbortSignal | undefined): Promise<DurableEnd> {
    const either = this.#signal(signal);
    either.throwIfAborted();
    for (;;) {
      const { version } = this.#end;
      const end = this.durableEnd;
      if (isReached(end)) return end;
      await this.#end.changedSince(version, either);
    }
  }

  extent(): Promise<JournalExtent> {
    return readWhileSegmentsGo(this.#files, () => this.#readExtent());
  }

  async #readExtent(): Promise<JournalExtent> {
    const { disk, paths, journalId } = this.#files;
    const last = this.#end.place.sequence;
    const [oldest] = await listSegments(disk, paths);
    const names = [
      ...(await disk.list(paths.segments)).map((name) => join(paths.segments, name)),
      ...(await disk.list(paths.spool)).map((name) => join(paths.spool, name)),
    ];
    let byteCount = 0;
    for (const name of names) byteCount += await this.#sizeOf(name);
    const first =
      oldest === undefined ? last + 1n : (await readSummary(disk, paths, oldest, journalId)).header.firstSequence;
    const oldestCommitMicros = first > last ? undefined : await this.#times.firstCommitMicros(this.#end.place);
    return { first: toSequence(first), last, byteCount, oldestCommitMicros };
  }

  locateTime(instant: Instant): Promise<Sequence> {
    const micros = BigInt(Math.ceil(instant)) * 1000n;
    return readWhileSegmentsGo(this.#files, () => this.#times.locate(micros, this.#end.place));
  }

  narrow(term: EventTerm, after: Sequence): Promise<readonly SequenceRange[]> {
    return new SegmentNarrowing(this.#files, this.#end).narrow(term, after);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new HeadwaterError('HW-JOURNAL-019', 'the journal reader was closed'));
    await this.#onClose();
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#files.disk.openForReading(path);
    // Retention may have removed it since it was listed.
    if (file === undefined) return 0;
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }
}
