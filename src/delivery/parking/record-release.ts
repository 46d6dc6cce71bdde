import type { DeliveryOptions } from '../delivery.ts';
import type { OutboundRecord } from '../sink.ts';
import { type LoadedRecord, ParkedLoader, type ReleaseOwner } from './parked-loader.ts';
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
  #isClosed = false;

  constructor(options: DeliveryOptions, parking: Parking, owner: RecordReleaseOwner) {
    this.#parking = parking;
    this.#owner = owner;
    this.#loader = new ParkedLoader(options, parking, owner);
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
    if (this.#loaded.length > 0 || this.#underWay.size > 0) return;
    this.#loader.start(this.#recordCountMax, (loaded) => {
      this.#loaded = loaded;
    });
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
}
