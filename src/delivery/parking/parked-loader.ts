import { HeadwaterError } from '../../foundation/error.ts';
import { toSequence } from '../../model/position.ts';
import type { DecodedPart } from '../decoded-part.ts';
import type { DeliveryOptions } from '../delivery.ts';
import type { PartReader } from '../part-reader.ts';
import type { OutboundRecord } from '../sink.ts';
import type { ParkedRecord } from './parked-record.ts';
import type { Parking } from './parking.ts';
import { trySelect } from './select-record.ts';

/** A parked record with its payload. */
export interface LoadedRecord {
  readonly parked: ParkedRecord;
  readonly outbound: OutboundRecord;
}

/** Whom a release works for. */
export interface ReleaseOwner {
  /** Something is loaded, or is not to be waited for any more. */
  onReady(): void;
  /** The journal could not be read. */
  onFailure(error: HeadwaterError): void;
}

/** The reader goes on rather than looking a place up when the next record is so near. */
const nearSequences = 64n;

/** Reads parked records from the journal again, one release at a time. */
export class ParkedLoader {
  readonly #options: DeliveryOptions;
  readonly #parking: Parking;
  readonly #owner: ReleaseOwner;
  #reader: PartReader | undefined;
  #part: DecodedPart | undefined;
  #isLoading = false;
  #isClosed = false;

  constructor(options: DeliveryOptions, parking: Parking, owner: ReleaseOwner) {
    this.#options = options;
    this.#parking = parking;
    this.#owner = owner;
  }

  /** Loads what may be released, and gives it to `take` before the owner hears of it. Nothing, while a load is under way. */
  start(countMax: number, take: (loaded: readonly LoadedRecord[]) => void): void {
    if (this.#isLoading || this.#isClosed) return;
    const release = this.#parking.planRelease(countMax);
    if (release.length > 0) void this.#run(release, take);
  }

  async #run(release: readonly ParkedRecord[], take: (loaded: readonly LoadedRecord[]) => void): Promise<void> {
    this.#isLoading = true;
    try {
      take(await this.#load(release));
      this.#isLoading = false;
      if (!this.#isClosed) this.#owner.onReady();
    } catch (thrown) {
      this.#isLoading = false;
      if (!this.#isClosed) this.#owner.onFailure(HeadwaterError.from(thrown));
    }
  }

  /**
   * The payloads of a release, up to the byte limit of a batch. A record that the filter leaves out now is settled; one that a
   * function of the lane or the size refuses stays parked, and the release ends in front of it.
   * @throws HW-JOURNAL codes; what was loaded is loaded again then
   */
  async #load(release: readonly ParkedRecord[]): Promise<readonly LoadedRecord[]> {
    const loaded: LoadedRecord[] = [];
    let byteCount = 0;
    try {
      for (const parked of release) {
        const part = await this.#read(parked);
        if (part === undefined) return [];
        const selected = trySelect(part, parked.ordinal - part.firstOrdinal, this.#options);
        if (selected instanceof HeadwaterError) {
          this.#parking.refuse(parked, selected);
          return loaded;
        }
        if (selected === undefined) {
          this.#parking.settle([parked]);
          continue;
        }
        loaded.push({ parked, outbound: selected });
        byteCount += selected.byteCount;
        if (byteCount >= this.#options.lane.batch.byteCountMax) return loaded;
      }
      return loaded;
    } finally {
      this.#reader?.close();
      this.#reader = undefined;
      this.#part = undefined;
    }
  }

  /** Ends a load under way, with nothing. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#reader?.close();
  }

  async #read(parked: ParkedRecord): Promise<DecodedPart | undefined> {
    if (this.#part !== undefined && holds(this.#part, parked)) return this.#part;
    const reader = this.#readerFor(parked);
    while (!this.#isClosed) {
      const part = reader.take();
      if (part === undefined) {
        await this.#advance(reader);
      } else if (holds(part, parked)) {
        this.#part = part;
        return part;
      }
    }
    return undefined;
  }

  /** A reader that was closed meanwhile rejects; that is no failure. */
  async #advance(reader: PartReader): Promise<void> {
    try {
      await reader.advance();
    } catch (thrown) {
      if (!this.#isClosed) throw thrown;
    }
  }

  #readerFor({ sequence, ordinal }: ParkedRecord): PartReader {
    const known = this.#reader;
    if (known !== undefined && sequence <= known.place.sequence + nearSequences) return known;
    known?.close();
    this.#reader = this.#options.tail.openAlone({ sequence: toSequence(sequence - 1n), recordCount: ordinal });
    return this.#reader;
  }
}

function holds(part: DecodedPart, { sequence, ordinal }: ParkedRecord): boolean {
  const { header, firstOrdinal, records } = part;
  return header.sequence === sequence && ordinal >= firstOrdinal && ordinal < firstOrdinal + records.length;
}
