import { assertInvariant, unreachable } from '../foundation/assert.ts';
import type { DecodeCounts, TransactionDecoder } from '../capture/transaction-decoder.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { JournalReader, StoredEntry, StoredFragment } from '../journal/journal-reader.ts';
import { formatLsn } from '../model/lsn.ts';
import type { DecodedPart, PartPlace } from './decoded-part.ts';

/** What is read, and by whom it is decoded. */
export interface PartReaderOptions {
  readonly reader: JournalReader;
  readonly createDecoder: () => TransactionDecoder;
  /** About so much of a transaction that comes in several bodies is one part. Default 128 KiB. */
  readonly pieceByteCount?: number;
}

const pieceByteCountDefault = 128 * 1024;
const noCounts: DecodeCounts = { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 };

/**
 * Reads a journal from a place on and decodes it, one part for each call and no further. Records before the place are left
 * out. Cheap to take from: only `advance` waits.
 *
 * A body of its own transaction is one part, so that whoever applies whole transactions gets it whole. One of several is cut:
 * thousands of records that wait for their turn together outlive the engine's young generation, and cost more than decoding.
 */
export class PartReader {
  readonly #options: PartReaderOptions;
  #place: PartPlace;
  readonly #decoder: TransactionDecoder;
  readonly #abort = new AbortController();
  #iterator: AsyncIterator<readonly StoredEntry[]> | undefined;
  #entries: readonly StoredEntry[] = [];
  #index = 0;
  /** What is left of a body that is being cut. */
  #rest: StoredFragment | undefined;
  /** Of bodies in which a transaction begins, and which held no record. */
  #passed: DecodeCounts = noCounts;
  /** Records of the transaction under way that were met, and how many of them to leave out. */
  #met = 0;
  #skip: number;

  constructor(place: PartPlace, options: PartReaderOptions) {
    this.#options = options;
    this.#place = place;
    this.#skip = place.recordCount;
    this.#decoder = options.createDecoder();
  }

  /** Behind everything that was taken. */
  get place(): PartPlace {
    return this.#place;
  }

  /** The next part that was read already. @throws HW-CAPTURE codes for a body that cannot be decoded. */
  take(): DecodedPart | undefined {
    for (;;) {
      const entry = this.#rest ?? this.#entries[this.#index];
      if (entry === undefined) return undefined;
      if (this.#rest === undefined) this.#index += 1;
      this.#rest = undefined;
      switch (entry.kind) {
        case 'schema':
          this.#decoder.learnSchema(entry.message);
          break;
        case 'fragment': {
          const part = this.#decode(this.#cut(entry));
          if (part !== undefined) return part;
          break;
        }
        default:
          return unreachable(entry);
      }
    }
  }

  /** The first piece of a body; the rest is kept for the next call. */
  #cut(fragment: StoredFragment): StoredFragment {
    const { body, encoding, isFirst, isLast } = fragment;
    const { pieceByteCount = pieceByteCountDefault } = this.#options;
    if ((isFirst && isLast) || body.length <= pieceByteCount) return fragment;
    const length = atPlaceOf(fragment, () => this.#decoder.cutBody(encoding, body, pieceByteCount));
    if (length === body.length) return fragment;
    this.#rest = { ...fragment, isFirst: false, body: body.subarray(length) };
    return { ...fragment, isLast: false, body: body.subarray(0, length) };
  }

  /** Reads on when everything read was taken, waiting at the durable end. @throws HW-JOURNAL codes. */
  async advance(): Promise<void> {
    if (this.#rest !== undefined || this.#index < this.#entries.length) return;
    this.#iterator ??= this.#read()[Symbol.asyncIterator]();
    const next = await this.#iterator.next();
    this.#abort.signal.throwIfAborted();
    assertInvariant(next.done !== true, 'a journal that is followed has no end');
    this.#entries = next.value;
    this.#index = 0;
  }

  #read(): AsyncIterable<readonly StoredEntry[]> {
    return this.#options.reader.read({ after: this.#place.sequence, follow: true, signal: this.#abort.signal });
  }

  /** Ends a read under way. Nothing is to be taken afterwards. */
  close(): void {
    this.#entries = [];
    this.#rest = undefined;
    this.#abort.abort(new DOMException('the reader was closed', 'AbortError'));
    void this.#iterator?.return?.().catch(() => undefined);
  }

  #decode(fragment: StoredFragment): DecodedPart | undefined {
    const { header, encoding, isLast, body } = fragment;
    assertInvariant(header.sequence === this.#place.sequence + 1n, 'the journal has no gap in its sequences');
    const firstOrdinal = this.#met;
    const decoded = atPlaceOf(fragment, () => this.#decoder.decodeBody(encoding, body, firstOrdinal));
    const skipped = Math.min(Math.max(this.#skip - firstOrdinal, 0), decoded.records.length);
    this.#met += decoded.records.length;
    const isBehindSkip = this.#met > this.#skip || isLast;
    if (isLast) {
      this.#place = { sequence: header.sequence, recordCount: 0 };
      this.#met = 0;
      this.#skip = 0;
    } else {
      this.#place = { sequence: this.#place.sequence, recordCount: Math.max(this.#met, this.#skip) };
    }
    const counts = addCounts(this.#passed, decoded.counts);
    if (!isBehindSkip) {
      // Told with the first part of the transaction; before a place in the middle they were told already.
      if (this.#skip === 0) this.#passed = counts;
      return undefined;
    }
    this.#passed = noCounts;
    const records = skipped === 0 ? decoded.records : decoded.records.slice(skipped);
    return {
      header,
      records,
      // A body may begin with messages that are no records, enough for a part of their own, which is then none.
      isFirst: firstOrdinal + skipped === 0,
      isLast,
      byteCount: body.length,
      firstOrdinal: firstOrdinal + skipped,
      counts,
      memoryByteCount: 512 + body.length * 2 + records.length * 384,
    };
  }
}

function addCounts(one: DecodeCounts, other: DecodeCounts): DecodeCounts {
  if (one === noCounts) return other;
  return {
    foreignMessages: one.foreignMessages + other.foreignMessages,
    adoptedOutboxChanges: one.adoptedOutboxChanges + other.adoptedOutboxChanges,
    outboxChanges: one.outboxChanges + other.outboxChanges,
  };
}

/** Names the place of what cannot be decoded: whoever mends it must find it. */
function atPlaceOf<Result>({ header }: StoredFragment, decode: () => Result): Result {
  try {
    return decode();
  } catch (thrown) {
    const error = HeadwaterError.from(thrown);
    const commitLsn = formatLsn(header.commitLsn);
    const place = `in sequence ${header.sequence}, xid ${header.xid}, committed at ${commitLsn}`;
    throw new HeadwaterError(error.code, `${error.message} (${place})`, {
      cause: thrown,
      hint: error.hint,
      details: { ...error.details, sequence: String(header.sequence), xid: header.xid, commitLsn },
    });
  }
}
