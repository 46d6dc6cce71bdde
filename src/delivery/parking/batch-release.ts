import type { HeadwaterError } from '../../foundation/error.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { BatchPlanner } from '../batch-planner.ts';
import type { DeliveryOptions } from '../delivery.ts';
import { nameRecord } from '../poisoned-record.ts';
import type { OutboundBatch } from '../sink.ts';
import { comparePlaces, isPassed } from './parked-record.ts';
import { type LoadedRecord, ParkedLoader, type ReleaseOwner } from './parked-loader.ts';
import type { Parking } from './parking.ts';

/**
 * Parked records on their way back into a delivery by batches: a batch of their own, in front of the next one. When it is
 * refused they go one by one, so that the one to blame is found.
 */
export class BatchRelease {
  readonly #parking: Parking;
  readonly #loader: ParkedLoader;
  readonly #recordCountMax: number;
  #countMax: number;
  #loaded: readonly LoadedRecord[] = [];
  #underWay: readonly LoadedRecord[] = [];

  constructor(options: DeliveryOptions, parking: Parking, owner: ReleaseOwner) {
    this.#parking = parking;
    this.#loader = new ParkedLoader(options, parking, owner);
    this.#recordCountMax = options.lane.batch.recordCountMax;
    this.#countMax = this.#recordCountMax;
  }

  /** What is loaded may have come to stand behind a record that was listed since: from there on it is loaded anew. */
  #releasable(upTo: Checkpoint): readonly LoadedRecord[] {
    if (this.#loaded.length === 0) return [];
    const planned = this.#parking.planRelease(this.#recordCountMax);
    const stale = this.#loaded.findIndex(({ parked }, index) => {
      const next = planned[index];
      return next === undefined || comparePlaces(parked, next) !== 0;
    });
    if (stale !== -1) this.#loaded = this.#loaded.slice(0, stale);
    if (stale === 0) this.request();
    const ahead = this.#loaded.findIndex(({ parked }) => !isPassed(parked, upTo));
    return this.#loaded.slice(0, ahead === -1 ? this.#countMax : Math.min(ahead, this.#countMax));
  }

  /** Whether the write under way holds released records. */
  get isUnderWay(): boolean {
    return this.#underWay.length > 0;
  }

  /** Begins to load what may be released, if nothing is loaded. */
  request(): void {
    if (this.#loaded.length > 0) return;
    this.#loader.start(this.#recordCountMax, (loaded) => {
      this.#loaded = loaded;
    });
  }

  /**
   * The batch of parked records to be written now, in front of what is planned; undefined when none may go. It holds nothing that
   * its own checkpoint has not passed, and what it releases is durable when it returns. @throws HW-JOURNAL-007, HW-JOURNAL-008
   */
  begin(planner: BatchPlanner): OutboundBatch | undefined {
    if (this.#underWay.length > 0) return undefined;
    const place = planner.previewRelease();
    const released = this.#releasable(place.to);
    if (released.length === 0) return undefined;
    this.#parking.planWrite({ to: place.to, places: released.map(({ parked }) => parked) });
    planner.release(place);
    this.#underWay = released;
    return { ...place, records: released.map(({ outbound }) => outbound) };
  }

  /** The write is given up; what it released is released again later. */
  abandon(): void {
    this.#underWay = [];
  }

  /** A write took effect. @throws HW-JOURNAL-007, HW-JOURNAL-008; what was to be made durable is with the next write then */
  succeed(): void {
    const settled = this.#underWay;
    if (settled.length === 0) return;
    this.#underWay = [];
    this.#loaded = this.#loaded.slice(settled.length);
    this.#countMax = Math.min(this.#recordCountMax, this.#countMax * 2);
    this.#parking.settle(settled.map(({ parked }) => parked));
  }

  /** The write was refused because of a record. @throws HW-JOURNAL-007, HW-JOURNAL-008 */
  refuse(error: HeadwaterError): void {
    const [first, ...others] = this.#underWay;
    this.#underWay = [];
    this.#countMax = 1;
    if (first === undefined || others.length > 0) return;
    this.#loaded = [];
    this.#countMax = this.#recordCountMax;
    this.#parking.refuse(first.parked, nameRecord(error, first.outbound));
  }

  close(): void {
    this.#loader.close();
  }
}
