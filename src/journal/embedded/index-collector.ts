import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import { type CommitRecord, messagesOf } from './commit-record.ts';
import { EntryList } from './entry-list.ts';
import { bodyEncodingCode } from './frame.ts';
import { snapshotXid } from './journal-head.ts';
import type { JournalFiles } from './journal-files.ts';
import type { IndexPlace } from './known-places.ts';
import { PlaceCollector } from './place-collector.ts';
import type { FoldStep } from './segment-fold.ts';
import type { SegmentWalk } from './segment-walk.ts';
import { readSpool } from './spool-reader.ts';
import { filterHash, tableHash } from './term-hash.ts';

/** What an index is made from: everything that can be looked up in one segment, in the order of the segment. */
export class IndexCollector {
  readonly #places: PlaceCollector;
  readonly xids: EntryList = new EntryList();
  readonly eventIds: EntryList = new EntryList();
  /** Of the event ids in their order, for the filter. The ids themselves would be most of what a process holds meanwhile. */
  readonly filterHashes: number[] = [];
  readonly keys: EntryList = new EntryList();
  readonly #files: JournalFiles;
  readonly #decoder: TransactionDecoder | undefined;
  readonly #firstSequence: bigint;
  readonly #isForFile: boolean;
  #open: JournalRecord[] = [];

  constructor(options: {
    readonly files: JournalFiles;
    readonly decoder: TransactionDecoder | undefined;
    readonly firstSequence: bigint;
    /** The filter is part of the file; in memory there is none. */
    readonly isForFile: boolean;
  }) {
    this.#files = options.files;
    this.#decoder = options.decoder;
    this.#firstSequence = options.firstSequence;
    this.#isForFile = options.isForFile;
    this.#places = new PlaceCollector(options.firstSequence);
  }

  get places(): readonly IndexPlace[] {
    return this.#places.places;
  }

  get contextOffsets(): readonly number[] {
    return this.#places.contextOffsets;
  }

  get lastSequence(): bigint {
    return this.#places.lastSequence;
  }

  get greatestMicros(): bigint {
    return this.#places.greatestMicros;
  }

  /** Takes the frames of a walk up to its limit. */
  async collect(walk: SegmentWalk): Promise<void> {
    for (let step = walk.next(); step.kind !== 'end'; step = walk.next()) {
      if (step.kind === 'more') await walk.load(step.byteCount);
      else if (step.kind === 'spooled-commit') await this.#takeSpooled(step, walk);
      else this.#take(step, walk);
    }
  }

  async #takeSpooled(commit: Extract<FoldStep, { kind: 'spooled-commit' }>, walk: SegmentWalk): Promise<void> {
    this.#places.take(commit, { unitStart: walk.fold.unitStart, preambleEnd: walk.header.preambleEnd });
    for await (const { body } of readSpool({ ...this.#files, reference: commit.spool })) this.#decode(body);
    this.#commit(commit.record);
  }

  #take(meaning: FoldStep, walk: SegmentWalk): void {
    this.#places.take(meaning, { unitStart: walk.fold.unitStart, preambleEnd: walk.header.preambleEnd });
    switch (meaning.kind) {
      case 'schema':
        this.#decoder?.learnSchema(meaning.entry.message);
        return;
      case 'fragment':
        // A snapshot holds rows and no events.
        if (meaning.frame.encoding === bodyEncodingCode['pgoutput-copy/1']) this.#decode(meaning.frame.body);
        return;
      case 'dropped':
        this.#open = [];
        return;
      case 'commit':
        this.#decode(messagesOf(meaning.frame));
        this.#commit(meaning.record);
        return;
      default:
        return;
    }
  }

  #decode(body: Uint8Array): void {
    if (this.#decoder === undefined || body.length === 0) return;
    for (const record of this.#decoder.decodeBody('pgoutput-copy/1', body, this.#open.length).records) {
      if (record.kind === 'event') this.#open.push(record);
    }
  }

  #commit({ sequence, xid }: CommitRecord): void {
    const relative = Number(sequence - this.#firstSequence);
    if (xid !== snapshotXid) this.xids.add(xid, relative);
    for (const record of this.#open) {
      if (record.kind !== 'event') continue;
      this.eventIds.add(tableHash(record.event.id), relative);
      if (this.#isForFile) this.filterHashes.push(filterHash(record.event.id));
      if (record.event.key !== null) this.keys.add(tableHash(record.event.key), relative);
    }
    this.#open = [];
  }
}
