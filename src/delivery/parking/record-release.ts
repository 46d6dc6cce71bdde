import { HeadwaterError } from '../../foundation/error.ts';
import type { DeliveryOptions } from '../delivery.ts';
import type { OutboundRecord } from '../sink.ts';
import type { ReleaseOwner } from './batch-release.ts';
import { type LoadedRecord, ParkedLoader } from './parked-loader.ts';
import { type ParkedRecord, placeText } from './parked-record.ts';
import type { Parking } from './parking.ts';

/** Whom a release by single records works for. */
export interface RecordReleaseOwner extends ReleaseOwner {
  /** Whether one more record may be scheduled. */
  hasRoom(): boolean;
  /** Schedules a record; it is settled or ended later. */
  add(outbound: OutboundRecord, record: ParkedRecord): void;
}

/** Parked records on their way back into a delivery by single records: they go through its scheduler, in order. */
export class RecordRelease {
  readonly #parking: Parking;
  readonly #owner: RecordReleaseOwner;
  readonly #loader: ParkedLoader;
  readonly #recordCountMax: number;
  readonly #underWay = new Set<string>();
  #loaded: readonly LoadedRecord[] = [];
  #isLoading = false;
  #isClosed = false;

  constructor(options: DeliveryOptions, parking: Parking, owner: RecordReleaseOwner) {
    this.#parking = parking;
    this.#owner = owner;
    this.#loader = new ParkedLoader(options, parking);
    this.#recordCountMax = options.lane.batch.recordCountMax;
  }

  /** Schedules what is loaded, as far as there is room, and begins to load more when the last is settled. */
  request(): void {
    if (this.#isClosed) return;
    while (this.#loaded.length > 0 && this.#owner.hasRoom()) {
      const [next, ...rest] = this.#loaded;
      this.#loaded = rest;
      if (next === undefined) return;
      this.#underWay.add(placeText(next.parked));
      this.#owner.add(next.outbound, next.parked);
    }
    if (this.#isLoading || this.#loaded.length > 0 || this.#underWay.size > 0) return;
    const release = this.#parking.planRelease(this.#recordCountMax);
    if (release.length > 0) this.#load(release);
  }

  /** The record took effect. @throws HW-JOURNAL-007, HW-JOURNAL-008 */
  settle(record: ParkedRecord): void {
    this.end(record);
    this.#parking.settle([record]);
  }

  /** The record is no longer on its way, and stays parked. */
  end(record: ParkedRecord): void {
    this.#underWay.delete(placeText(record));
  }

  close(): void {
    this.#isClosed = true;
    this.#loader.close();
  }

  #load(release: readonly ParkedRecord[]): void {
    this.#isLoading = true;
    this.#loader.load(release).then(
      (loaded) => {
        this.#isLoading = false;
        this.#loaded = loaded;
        if (!this.#isClosed) this.#owner.onReady();
      },
      (thrown: unknown) => {
        this.#isLoading = false;
        if (!this.#isClosed) this.#owner.onFailure(HeadwaterError.from(thrown));
      },
    );
  }
}
