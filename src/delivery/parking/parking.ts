import type { Clock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Logger } from '../../foundation/logger.ts';
import type { StateEdit, StateStore } from '../../journal/state-store.ts';
import { type Sequence, toSequence } from '../../model/position.ts';
import { type Checkpoint, compareCheckpoints } from '../checkpoint.ts';
import { ParkedList } from './parked-list.ts';
import { isPassed, type ParkedFailure, type ParkedRecord, placeText, type RecordPlace } from './parked-record.ts';
import {
  editDropped,
  editParked,
  editRelease,
  editRemoved,
  listDropped,
  listParked,
  type PlannedRelease,
  readRelease,
} from './parked-store.ts';

/** How much a lane may park before it stops. */
export interface ParkedLimits {
  /** Records that failed, each with its key. Default 100. */
  readonly keyCountMax: number;
  /** These and the records that wait behind them. Default 10,000. */
  readonly recordCountMax: number;
}

/** The defaults of a lane. */
export const defaultParkedLimits: ParkedLimits = { keyCountMax: 100, recordCountMax: 10_000 };

/** What a lane parks with; all of it is lent. */
export interface ParkingOptions {
  readonly laneName: string;
  readonly states: StateStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ParkedLimits;
}

/** A record on its way to the list. */
export type ParkedSubject = Omit<ParkedRecord, 'failure'>;

/** Where a delivery begins, and what it may do with a record that fails. */
export interface ParkingStart {
  /** What the sink has made durable. */
  readonly from: Checkpoint;
  /** Whether the sink itself keeps the checkpoint. */
  readonly isHeldBySink: boolean;
  /** The oldest transaction that the journal keeps. */
  readonly first: Sequence;
  /** False: a record that fails stops the lane; what was parked before still holds its keys. */
  readonly mayPark: boolean;
}

/**
 * The parked records of one lane, in memory and in the state beside the journal. The payloads stay in the journal, which
 * retention keeps from the oldest parked record on.
 *
 * I1  Nothing counts as parked before `secure` has made it durable: only then may a checkpoint pass it.
 * I2  The list never holds a record that the checkpoint has not passed after a start: those are met again, in order.
 * I3  Where the sink keeps the checkpoint, a release and the place that the sink will hold by it are durable before the write,
 *     so that the next start knows from the sink alone whether it took effect.
 */
export class Parking {
  readonly #options: ParkingOptions;
  #list = new ParkedList();
  #edits: StateEdit[] = [];
  #release: PlannedRelease | undefined;
  /** Dropped before the checkpoint had passed them: they are not to come back. */
  #dropped = new Set<string>();
  #mayPark = false;

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  /** Whether a record that fails is parked. */
  get mayPark(): boolean {
    return this.#mayPark;
  }

  /** Nothing is parked, and nothing dropped may come again. */
  get isEmpty(): boolean {
    return this.#list.recordCount === 0 && this.#dropped.size === 0;
  }

  get poisonedCount(): number {
    return this.#list.poisonedCount;
  }

  get recordCount(): number {
    return this.#list.recordCount;
  }

  /** In journal order. */
  get records(): readonly ParkedRecord[] {
    return this.#list.records;
  }

  /** Whether something is to be made durable before a checkpoint may move. */
  get isDirty(): boolean {
    return this.#edits.length > 0;
  }

  /** The failed record behind which each other one waits, by text of the other one's place. */
  findHeads(): ReadonlyMap<string, ParkedRecord> {
    return this.#list.findHeads();
  }

  /** The sequence in front of the oldest parked record, if that lies in front of `sequence`: what retention may count on. */
  retained(sequence: Sequence): Sequence {
    const oldest = this.#list.records[0];
    if (oldest === undefined || oldest.sequence > sequence) return sequence;
    return toSequence(oldest.sequence - 1n);
  }

  /** Reads the list anew; what was not made durable is forgotten. @throws HW-LANE-007 */
  load(): void {
    const { states, laneName } = this.#options;
    this.#list = new ParkedList();
    this.#edits = [];
    for (const record of listParked(states, laneName)) this.#list.put(record);
    this.#release = readRelease(states, laneName);
  }

  /**
   * Makes the list fit the place where a delivery begins: a release that took effect is settled, and what the checkpoint has
   * not passed is met again. @throws HW-LANE-007, HW-LANE-017 when the journal lost a parked record
   */
  attach({ from, isHeldBySink, first, mayPark }: ParkingStart): void {
    const { laneName, states } = this.#options;
    this.load();
    this.#mayPark = mayPark;
    const release = this.#release;
    const tookEffect =
      isHeldBySink && release !== undefined && compareCheckpoints(from, { ...from, ...release.to }) >= 0;
    if (tookEffect) for (const place of release.places) this.#remove(place);
    for (const record of this.#list.records.filter((one) => !isPassed(one, from))) this.#remove(record);
    this.#dropped = new Set(
      listDropped(states, laneName).flatMap((one) => (isPassed(one, from) ? [] : [placeText(one)])),
    );
    this.planWrite(undefined);
    const lost = this.#list.records.find(({ sequence }) => sequence < first);
    if (lost !== undefined) {
      const message = `the parked record ${lost.id} of lane "${laneName}" stands in sequence ${lost.sequence}, the journal begins at ${first}`;
      throw new HeadwaterError('HW-LANE-017', message, { details: { lane: laneName, record: lost.id } });
    }
  }

  /** Whether the record at the place needs nothing any more: it is on the list, or was dropped from it. */
  knows(place: RecordPlace): boolean {
    if (this.#list.at(place) !== undefined) return true;
    return this.#dropped.size > 0 && this.#dropped.has(placeText(place));
  }

  isBehind(place: RecordPlace, order: ParkedRecord['order']): boolean {
    return this.#list.isBehind(place, order);
  }

  /**
   * Whether one more may be parked; false while a release may make room first.
   * @throws HW-LANE-014 when nothing will
   */
  hasRoom(isPoisoned: boolean): boolean {
    const { limits, laneName } = this.#options;
    const isFull =
      this.recordCount >= limits.recordCountMax || (isPoisoned && this.poisonedCount >= limits.keyCountMax);
    if (!isFull) return true;
    if (this.planRelease(1).length > 0) return false;
    const message = `lane "${laneName}" has parked ${this.poisonedCount} record(s) and ${this.recordCount - this.poisonedCount} behind them`;
    throw new HeadwaterError('HW-LANE-014', message, {
      details: { lane: laneName, parkedKeys: this.poisonedCount, parkedRecords: this.recordCount },
    });
  }

  /** Lists a record that failed. Not durable before `secure`. */
  park(subject: ParkedSubject, error: HeadwaterError, attemptCount = 1): void {
    const now = this.#options.clock.now();
    const failure = { code: error.code, message: error.message, attemptCount, sinceMs: now, isRetrying: false };
    this.#put({ ...subject, failure });
    this.#note('lane parks a record', { ...subject, failure });
  }

  /** Lists a record that failed, durably. @throws HW-LANE-014 at the limit, and as `secure` */
  parkNow(subject: ParkedSubject, error: HeadwaterError, attemptCount = 1): void {
    this.hasRoom(true);
    this.park(subject, error, attemptCount);
    this.secure();
  }

  /** Lists a record behind one that is parked. Not durable before `secure`. */
  wait(subject: ParkedSubject): void {
    this.#put({ ...subject, failure: undefined });
  }

  /** What may be delivered next from the list. */
  planRelease(countMax: number): readonly ParkedRecord[] {
    return this.recordCount === 0 ? [] : this.#list.planRelease(countMax);
  }

  /** Makes durable what was listed. @throws HW-JOURNAL-007, HW-JOURNAL-008 */
  secure(): void {
    if (!this.isDirty) return;
    this.#options.states.change(this.#edits);
    this.#edits = [];
  }

  /** Makes durable what was listed, and what the next write releases: nothing, when undefined. @throws as `secure` */
  planWrite(release: PlannedRelease | undefined): void {
    if (release !== undefined || this.#release !== undefined) {
      this.#edits.push(editRelease(this.#options.laneName, release));
    }
    this.secure();
    this.#release = release;
  }

  /** Takes from the list what took effect, or is left out now. Durable when it returns. @throws as `secure` */
  settle(records: readonly RecordPlace[]): void {
    for (const record of records) this.#remove(record);
    this.planWrite(undefined);
  }

  /** A record of a release failed: it and what waits behind it stay. Durable when it returns. @throws as `secure` */
  refuse(place: RecordPlace, error: HeadwaterError, attemptCount = 1): void {
    const record = this.#list.at(place);
    if (record === undefined) return;
    const failure: ParkedFailure = {
      code: error.code,
      message: error.message,
      attemptCount: (record.failure?.attemptCount ?? 0) + attemptCount,
      sinceMs: record.failure?.sinceMs ?? this.#options.clock.now(),
      isRetrying: false,
    };
    this.#put({ ...record, failure });
    this.secure();
    this.#note('lane parks a record again', { ...record, failure });
  }

  /**
   * Asks for another attempt at a record that failed, or at all of them. Durable when it returns.
   * @returns how many will be tried. @throws HW-LANE-016 for an id that is not parked
   */
  retry(id?: string): number {
    const wanted = id === undefined ? this.#failed() : [this.#find(id)];
    for (const record of wanted) this.#put({ ...record, failure: { ...record.failure, isRetrying: true } });
    this.secure();
    return wanted.length;
  }

  /**
   * Gives a record up, with a reason that stays on record. What waits behind it goes on. Durable when it returns.
   * @param isRunning false: also a record that waits, or is to be tried again, may be given up
   * @throws HW-LANE-016 for an id that is not parked, or that is being tried again
   */
  drop(id: string, reason: string, isRunning: boolean): void {
    const { laneName, clock } = this.#options;
    const record = isRunning ? this.#find(id) : this.records.find((one) => one.id === id);
    if (record === undefined) throw this.#unknown(id);
    this.#list.remove(record);
    this.#dropped.add(placeText(record));
    this.#edits.push(...editDropped(laneName, { ...record, reason, droppedAtMs: clock.now() }));
    this.secure();
    this.#note('lane drops a parked record', record);
  }

  #failed(): readonly (ParkedRecord & { readonly failure: ParkedFailure })[] {
    return this.records.flatMap((record) =>
      record.failure?.isRetrying === false ? [{ ...record, failure: record.failure }] : [],
    );
  }

  #find(id: string): ParkedRecord & { readonly failure: ParkedFailure } {
    const found = this.#failed().find((record) => record.id === id);
    if (found === undefined) throw this.#unknown(id);
    return found;
  }

  #unknown(id: string): HeadwaterError {
    const { laneName } = this.#options;
    return new HeadwaterError('HW-LANE-016', `lane "${laneName}" has no record ${id} that failed and is parked`, {
      details: { lane: laneName, record: id },
    });
  }

  #put(record: ParkedRecord): void {
    this.#list.put(record);
    this.#edits.push(editParked(this.#options.laneName, record));
  }

  #remove(place: RecordPlace): void {
    this.#list.remove(place);
    this.#edits.push(editRemoved(this.#options.laneName, place));
  }

  /** Neither the key nor a value: both may be personal. */
  #note(event: string, { id, sequence, ordinal, subject, failure }: ParkedRecord): void {
    const { logger, laneName } = this.#options;
    const code = failure?.code;
    const place = `${sequence}/${ordinal}`;
    logger.warn(event, { lane: laneName, record: id, place, subject, code, error: failure?.message });
  }
}
