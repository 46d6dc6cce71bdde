import { assertInvariant, unreachable } from '../foundation/assert.ts';
import type { DecodedBody, TransactionDecoder } from '../capture/transaction-decoder.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { JournalReader, StoredEntry, StoredFragment } from '../journal/journal-reader.ts';
import { formatLsn } from '../model/lsn.ts';
import type { DecodedPart, PartPlace } from './decoded-part.ts';

/** What is read, and by whom it is decoded. */
export interface PartReaderOptions {
  readonly reader: JournalReader;
  readonly createDecoder: () => TransactionDecoder;
}

/**
 * Reads a journal from a place on and decodes it, one part for each call and no further. Records before the place are left
 * out. Cheap to take from: only `advance` waits.
 */
export class PartReader {
  readonly #options: PartReaderOptions;
  #place: PartPlace;
  readonly #decoder: TransactionDecoder;
  readonly #abort = new AbortController();
  #iterator: AsyncIterator<readonly StoredEntry[]> | undefined;
  #entries: readonly StoredEntry[] = [];
  #index = 0;
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
      const entry = this.#entries[this.#index];
      if (entry === undefined) return undefined;
      this.#index += 1;
      switch (entry.kind) {
        case 'schema':
          this.#decoder.learnSchema(entry.message);
          break;
        case 'fragment': {
          const part = this.#decode(entry);
          if (part !== undefined) return part;
          break;
        }
        default:
          return unreachable(entry);
      }
    }
  }

  /** Reads on when everything read was taken, waiting at the durable end. @throws HW-JOURNAL codes. */
  async advance(): Promise<void> {
    if (this.#index < this.#entries.length) return;
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
    this.#abort.abort(new DOMException('the reader was closed', 'AbortError'));
    void this.#iterator?.return?.().catch(() => undefined);
  }

  #decode(fragment: StoredFragment): DecodedPart | undefined {
    const { header, isFirst, isLast, body } = fragment;
    assertInvariant(header.sequence === this.#place.sequence + 1n, 'the journal has no gap in its sequences');
    const decoded = decodeAt(this.#decoder, fragment, this.#met);
    const firstOrdinal = this.#met;
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
    if (!isBehindSkip) return undefined;
    const records = skipped === 0 ? decoded.records : decoded.records.slice(skipped);
    return {
      header,
      records,
      isFirst: isFirst && skipped === 0,
      isLast,
      byteCount: body.length,
      firstOrdinal: firstOrdinal + skipped,
      counts: decoded.counts,
      memoryByteCount: 512 + body.length * 2 + records.length * 384,
    };
  }
}

/** Decodes, and names the place of what cannot be decoded: whoever mends it must find it. */
function decodeAt(
  decoder: TransactionDecoder,
  { header, encoding, body }: StoredFragment,
  firstOrdinal: number,
): DecodedBody {
  try {
    return decoder.decodeBody(encoding, body, firstOrdinal);
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
