import { HeadwaterError } from '../../foundation/error.ts';
import type { DeliveryOptions } from '../delivery.ts';
import type { OutboundBatch } from '../sink.ts';
import { type LoadedRecord, ParkedLoader } from './parked-loader.ts';
import type { Parking } from './parking.ts';

/** Whom a release works for. */
export interface ReleaseOwner {
  /** Something is loaded, or is not to be waited for any more. */
  onReady(): void;
  /** The journal could not be read. */
  onFailure(error: HeadwaterError): void;
}

/**
 * Parked records on their way back into a delivery by batches. Where the sink keeps the checkpoint they ride with the next
 * batch that moves it, for only then can a lost reply be told from a lost write; else they are a batch of their own.
 *
 * When a batch with released records is refused, the next one holds one released and at most one other record, and when both
 * are left, the other one goes alone: whoever fails alone, or is missing where it succeeds, is to blame.
 */
export class BatchRelease {
  readonly #parking: Parking;
  readonly #owner: ReleaseOwner;
  readonly #loader: ParkedLoader;
  readonly #recordCountMax: number;
  #countMax: number;
  #loaded: readonly LoadedRecord[] = [];
  #underWay: readonly LoadedRecord[] = [];
  #suspect: { readonly loaded: LoadedRecord; readonly error: HeadwaterError } | undefined;
  #isLoading = false;
  #isClosed = false;

  constructor(options: DeliveryOptions, parking: Parking, owner: ReleaseOwner) {
    this.#parking = parking;
    this.#owner = owner;
    this.#loader = new ParkedLoader(options, parking);
    this.#recordCountMax = options.lane.batch.recordCountMax;
    this.#countMax = this.#recordCountMax;
  }

  /** What the next write is to take along. */
  get next(): readonly LoadedRecord[] {
    return this.#suspect === undefined && this.#underWay.length === 0 ? this.#loaded.slice(0, this.#countMax) : [];
  }

  /** Whether the write under way holds released records. */
  get isUnderWay(): boolean {
    return this.#underWay.length > 0;
  }

  /** Begins to load what may be released, if nothing is loaded. */
  request(): void {
    if (this.#isLoading || this.#isClosed || this.#loaded.length > 0) return;
    const release = this.#parking.planRelease(this.#recordCountMax);
    if (release.length === 0) return;
    this.#isLoading = true;
    this.#loader.load(release).then(
      (loaded) => {
        this.#loaded = loaded;
        this.#isLoading = false;
        if (!this.#isClosed) this.#owner.onReady();
      },
      (thrown: unknown) => {
        this.#isLoading = false;
        if (!this.#isClosed) this.#owner.onFailure(HeadwaterError.from(thrown));
      },
    );
  }

  /** The write begins with what `next` gave. */
  begin(released: readonly LoadedRecord[]): void {
    this.#underWay = released;
  }

  /** The write is given up; what it released is released again later. */
  abandon(): void {
    this.#underWay = [];
  }

  /** The write took effect. @throws HW-JOURNAL-007, HW-JOURNAL-008; what was to be made durable is with the next write then */
  succeed(): void {
    const settled = this.#underWay;
    const suspect = this.#suspect;
    this.#underWay = [];
    if (settled.length > 0) {
      this.#loaded = this.#loaded.slice(settled.length);
      this.#countMax = Math.min(this.#recordCountMax, this.#countMax * 2);
      this.#parking.settle(settled.map(({ parked }) => parked));
    } else if (suspect !== undefined) {
      this.#suspect = undefined;
      this.#blame(suspect.loaded, suspect.error);
    }
  }

  /** The write was refused because of a record. */
  refuse(error: HeadwaterError, batch: OutboundBatch): void {
    const [first, ...others] = this.#underWay;
    const otherCount = batch.records.length - this.#underWay.length;
    this.#underWay = [];
    this.#countMax = 1;
    if (first === undefined || others.length > 0 || otherCount > 1) return;
    if (otherCount === 0) this.#blame(first, error);
    else this.#suspect = { loaded: first, error };
  }

  /** The record that went alone is the one to blame. */
  acquit(): void {
    this.#suspect = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#loader.close();
  }

  #blame({ parked }: LoadedRecord, error: HeadwaterError): void {
    this.#loaded = [];
    this.#countMax = this.#recordCountMax;
    this.#parking.refuse(parked, error);
  }
}
