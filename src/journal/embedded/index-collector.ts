import type { TransactionDecoder } from '../../capture/transaction-decoder.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import { type CommitRecord, messagesOf } from './commit-record.ts';
import { EntryList } from './entry-list.ts';
import { bodyEncodingCode, frameKind } from './frame.ts';
import { snapshotXid } from './journal-head.ts';
import type { JournalFiles } from './journal-files.ts';
import type { FoldStep } from './segment-fold.ts';
import type { SegmentWalk } from './segment-walk.ts';
import { readSpool } from './spool-reader.ts';
import { filterHash, tableHash } from './term-hash.ts';

/** Bytes between two places of an index. */
const placeDistance = 64 * 1024;
/** Less than every commit time. */
const timeNone: bigint = -(2n ** 63n);

/** Where reading may begin in a segment. */
export interface IndexPlace {
  /** Of the first transaction at or behind the offset. */
  readonly sequence: bigint;
  /** Greatest commit time of the segment's transactions before it. */
  readonly greatestMicros: bigint;
  readonly offset: number;
}

/** What an index is made from: everything that can be looked up in one segment, in the order of the segment. */
export class IndexCollector {
  readonly places: IndexPlace[] = [];
  readonly contextOffsets: number[] = [];
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
  #greatestMicros: bigint = timeNone;
  #lastSequence: bigint;

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
    this.#lastSequence = options.firstSequence - 1n;
  }

  get lastSequence(): bigint {
    return this.#lastSequence;
  }

  get greatestMicros(): bigint {
    return this.#greatestMicros;
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
    if (commit.frame.kind === frameKind.preparedCommit) this.contextOffsets.push(commit.frame.offset);
    for await (const { body } of readSpool({ ...this.#files, reference: commit.spool })) this.#decode(body);
    this.#commit(commit.record, walk.fold.unitStart);
  }

  #take(meaning: FoldStep, walk: SegmentWalk): void {
    switch (meaning.kind) {
      case 'schema':
        this.#decoder?.learnSchema(meaning.entry.message);
        if (!meaning.isPreamble) this.contextOffsets.push(meaning.offset);
        return;
      case 'source':
        if (meaning.offset >= walk.header.preambleEnd) this.contextOffsets.push(meaning.offset);
        return;
      case 'fragment':
        // A snapshot holds rows and no events.
        if (meaning.frame.encoding === bodyEncodingCode['pgoutput-copy/1']) this.#decode(meaning.frame.body);
        return;
      case 'prepared':
      case 'spool-ended':
        this.contextOffsets.push(meaning.offset);
        return;
      case 'dropped':
        this.#open = [];
        return;
      case 'commit':
        this.#decode(messagesOf(meaning.frame));
        this.#commit(meaning.record, walk.fold.unitStart);
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

  #commit({ sequence, xid, commitTimeMicros }: CommitRecord, offset: number): void {
    const last = this.places.at(-1);
    if (last === undefined || offset - last.offset >= placeDistance) {
      this.places.push({ sequence, greatestMicros: this.#greatestMicros, offset });
    }
    const relative = Number(sequence - this.#firstSequence);
    if (xid !== snapshotXid) this.xids.add(xid, relative);
    for (const record of this.#open) {
      if (record.kind !== 'event') continue;
      this.eventIds.add(tableHash(record.event.id), relative);
      if (this.#isForFile) this.filterHashes.push(filterHash(record.event.id));
      if (record.event.key !== null) this.keys.add(tableHash(record.event.key), relative);
    }
    this.#open = [];
    this.#lastSequence = sequence;
    if (commitTimeMicros > this.#greatestMicros) this.#greatestMicros = commitTimeMicros;
  }
}
