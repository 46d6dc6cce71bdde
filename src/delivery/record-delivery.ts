import type { ClockTimer } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import { AcknowledgementTracker, type Ticket } from './acknowledgement-tracker.ts';
import { checkpointAfter } from './batch-planner.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Delivery, type DeliveryOptions, type PendingStop, toPendingStop } from './delivery.ts';
import { KeyScheduler, type Turn } from './key-scheduler.ts';
import { recordOrder } from './outbound-record.ts';
import { RecordRelease } from './parking/record-release.ts';
import type { ParkedRecord } from './parking/parked-record.ts';
import { selectOrPark, toSubject } from './parking/select-record.ts';
import { awaitOrAbort, type OpenPart, PartIntake } from './part-intake.ts';
import { isPoison, nameRecord } from './poisoned-record.ts';
import { decideRetry } from './retry-decision.ts';
import type { OutboundRecord } from './sink.ts';

interface Unit {
  readonly outbound: OutboundRecord;
  /** Where it came from: the stream, whose checkpoint waits for it, or the list of parked records. */
  readonly origin:
    | { readonly kind: 'stream'; readonly ticket: Ticket; readonly after: Checkpoint }
    | { readonly kind: 'parked'; readonly record: ParkedRecord };
  failedCount: number;
}

/**
 * Delivers to a sink that takes single records: several at once, of each key one. A record that fails waits for its next
 * attempt together with the later ones of its key; all others go on, as far as the window of pending records reaches.
 */
export class RecordDelivery implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #abort = new AbortController();
  readonly #tracker: AcknowledgementTracker;
  readonly #scheduler: KeyScheduler<Unit>;
  readonly #intake: PartIntake;
  readonly #release: RecordRelease | undefined;
  #inFlightCount = 0;
  /** Called when nothing is in flight any more. */
  #onIdle: (() => void) | undefined;
  readonly #timers = new Set<ClockTimer>();
  /** Units that failed and did not succeed since. */
  #failingCount = 0;
  /** The end of the last whole transaction, and what was taken behind it. */
  #place: Checkpoint;
  #taken: Checkpoint;
  /** Pending transactions in order, for the age of the oldest. */
  #headers: TransactionHeader[] = [];
  #isHalted = false;
  /** Units left without an attempt: what had no room has some now. */
  #madeRoom = false;
  /** What stops the lane once everything in front of it is delivered. */
  #stop: PendingStop | undefined;

  constructor(options: DeliveryOptions) {
    const { batch, concurrencyMax } = options.lane;
    this.#options = options;
    this.#tracker = new AcknowledgementTracker(options.from);
    this.#place = options.from;
    this.#taken = options.from;
    this.#intake = new PartIntake(options);
    this.#release =
      options.parking &&
      new RecordRelease(options, options.parking, {
        hasRoom: () => this.#scheduler.hasRoom,
        add: (outbound, record) => this.#schedule({ outbound, origin: { kind: 'parked', record }, failedCount: 0 }),
        onReady: () => this.deliver(),
        onFailure: (error) => this.#interrupt(error),
      });
    this.#scheduler = new KeyScheduler({
      concurrencyMax,
      pendingCountMax: batch.recordCountMax,
      pendingByteCountMax: batch.byteCountMax,
    });
  }

  get acknowledged(): Checkpoint {
    return this.#tracker.acknowledged;
  }

  get durable(): Checkpoint {
    return this.#tracker.acknowledged;
  }

  get pendingRecordCount(): number {
    return this.#scheduler.pendingCount;
  }

  get pendingByteCount(): number {
    return this.#scheduler.pendingByteCount;
  }

  get oldestPendingMicros(): bigint | undefined {
    const passed = this.#tracker.acknowledged.sequence;
    while (this.#headers[0] !== undefined && this.#headers[0].sequence <= passed) this.#headers.shift();
    return this.#headers[0]?.commitTimeMicros;
  }

  deliver(): void {
    if (this.#isHalted || this.#intake.isWaiting) return;
    try {
      let isDry = false;
      do {
        this.#madeRoom = false;
        isDry = this.#stop === undefined && this.#fill();
        if (this.#stop === undefined) this.#release?.request();
        this.#beginAll();
      } while (this.#madeRoom && !this.#isHalted);
      if (this.#stop !== undefined && this.#scheduler.pendingCount === 0)
        this.#fault(this.#stop.error, this.#stop.recordId);
      if (isDry) this.#intake.onReady(() => this.deliver());
    } catch (thrown) {
      this.#interrupt(HeadwaterError.from(thrown));
    }
  }

  #beginAll(): void {
    for (let turn = this.#scheduler.next(); turn !== undefined; turn = this.#scheduler.next()) this.#begin(turn);
  }

  async halt(giveUp: AbortSignal): Promise<void> {
    this.#isHalted = true;
    this.#intake.close();
    this.#release?.close();
    for (const timer of this.#timers) timer.clear();
    await awaitOrAbort(this.#idle(), this.#abort, giveUp);
  }

  #idle(): Promise<void> {
    if (this.#inFlightCount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Takes parts while there is room. Returns whether the tail had no more to give. */
  #fill(): boolean {
    return this.#intake.takeParts({ hasRoom: () => this.#scheduler.hasRoom, take: (open) => this.#fillFrom(open) });
  }

  /** Adds the rest of a part. Returns whether all of it found room. */
  #fillFrom(open: OpenPart): boolean {
    let isAtEnd = false;
    try {
      isAtEnd = this.#fillRecords(open);
    } finally {
      if (!isAtEnd) this.#pass();
    }
    if (isAtEnd && open.part.isLast) {
      this.#place = checkpointAfter(this.#place.journalId, open.part.header);
      this.#taken = this.#place;
    }
    if (isAtEnd) this.#pass();
    return isAtEnd;
  }

  #fillRecords(open: OpenPart): boolean {
    const { part } = open;
    for (; open.offset < part.records.length; open.offset += 1) {
      if (!this.#scheduler.hasRoom) return false;
      const selection = selectOrPark(part, open.offset, this.#options);
      if (selection === 'hold') return false;
      const after = { ...this.#place, recordCount: part.firstOrdinal + open.offset + 1 };
      this.#taken = after;
      if (selection !== 'pass') this.#add(selection, after);
    }
    return true;
  }

  /** Passes what was taken and has no effect, or is parked: durably, by then. */
  #pass(): void {
    this.#options.parking?.secure();
    this.#tracker.pass(this.#taken);
    if (this.#tracker.acknowledged === this.#taken) this.#options.observer.onProgress();
  }

  #add(outbound: OutboundRecord, after: Checkpoint): void {
    const origin = { kind: 'stream', ticket: this.#tracker.take(after), after } as const;
    this.#schedule({ outbound, origin, failedCount: 0 });
    if (this.#headers.at(-1) !== outbound.header) this.#headers.push(outbound.header);
  }

  #schedule(unit: Unit): void {
    const { outbound } = unit;
    this.#scheduler.add(unit, recordOrder(outbound, this.#options.lane.key !== undefined), outbound.byteCount);
  }

  #begin(turn: Turn<Unit>): void {
    if (!this.#waitsBehind(turn)) void this.#attempt(turn);
  }

  /** Whether an earlier record of the key was parked since this one was scheduled; it is listed then, or stays so. */
  #waitsBehind(turn: Turn<Unit>): boolean {
    const { parking, lane } = this.#options;
    if (parking === undefined || parking.recordCount === 0) return false;
    const { unit } = turn;
    const subject = toSubject(unit.outbound, lane);
    if (!parking.isBehind(subject, subject.order)) return false;
    this.#madeRoom = true;
    this.#setAside(turn, () => {
      if (unit.origin.kind === 'parked') return;
      parking.hasRoom(false);
      parking.wait(subject);
    });
    return true;
  }

  /** The unit is on the list of parked records, durably, and no longer on its way. */
  #setAside(turn: Turn<Unit>, list: () => void): void {
    const { observer, parking } = this.#options;
    const { origin, outbound, failedCount } = turn.unit;
    try {
      if (origin.kind === 'parked') this.#release?.end(origin.record);
      list();
      parking?.secure();
    } catch (thrown) {
      this.#fault(HeadwaterError.from(thrown), outbound.id);
      return;
    }
    this.#scheduler.settle(turn);
    if (failedCount > 0) this.#recover();
    if (origin.kind === 'stream' && this.#tracker.acknowledge(origin.ticket)) observer.onProgress();
  }

  async #attempt(turn: Turn<Unit>): Promise<void> {
    const { outbound, origin } = turn.unit;
    const from = this.#tracker.acknowledged;
    const to = origin.kind === 'stream' ? origin.after : from;
    const batch = { records: [outbound], from, to, endsTransaction: true };
    let failure: HeadwaterError | undefined;
    this.#inFlightCount += 1;
    try {
      await this.#options.sink.write(batch, this.#abort.signal);
    } catch (thrown) {
      failure = HeadwaterError.from(thrown);
    }
    try {
      if (failure === undefined) this.#succeed(turn);
      else this.#fail(turn, failure);
    } finally {
      this.#inFlightCount -= 1;
      if (this.#inFlightCount === 0) this.#onIdle?.();
    }
  }

  /** An effect that comes in while the lane halts counts as well: the record is not delivered again. */
  #succeed(turn: Turn<Unit>): void {
    const { counts, observer, parking } = this.#options;
    const { unit } = turn;
    const { origin } = unit;
    counts.delivered += 1;
    this.#scheduler.settle(turn);
    if (unit.failedCount > 0) this.#recover();
    try {
      // What was parked meanwhile may stand in front of what the checkpoint passes now.
      parking?.secure();
      if (origin.kind === 'parked') this.#release?.settle(origin.record);
    } catch (thrown) {
      this.#fault(HeadwaterError.from(thrown), unit.outbound.id);
      return;
    }
    if (origin.kind === 'stream' && this.#tracker.acknowledge(origin.ticket)) observer.onProgress();
    this.deliver();
  }

  #recover(): void {
    this.#failingCount -= 1;
    if (this.#failingCount === 0) this.#options.observer.onRecovered();
  }

  #fail(turn: Turn<Unit>, error: HeadwaterError): void {
    if (this.#isHalted) return;
    const { unit } = turn;
    const { lane, random, clock, counts, observer } = this.#options;
    if (unit.failedCount === 0) this.#failingCount += 1;
    unit.failedCount += 1;
    const decision = decideRetry({ error, attempt: unit.failedCount, policy: lane.retry, chance: random.next() });
    if (decision.kind === 'stop') {
      this.#refused(turn, nameRecord(decision.error, unit.outbound));
      return;
    }
    counts.retries += 1;
    this.#scheduler.setAside(turn);
    const timer = clock.setTimer(decision.delayMs, () => {
      this.#timers.delete(timer);
      this.#scheduler.bringBack(turn);
      this.deliver();
    });
    this.#timers.add(timer);
    observer.onWriteFailed(error, unit.outbound.id);
    this.deliver();
  }

  #refused(turn: Turn<Unit>, error: HeadwaterError): void {
    const { parking, lane } = this.#options;
    const { unit } = turn;
    if (parking?.mayPark !== true || !isPoison(error)) {
      this.#fault(error, unit.outbound.id);
      return;
    }
    const { origin, outbound, failedCount } = unit;
    this.#setAside(turn, () => {
      if (origin.kind === 'parked') {
        parking.refuse(origin.record, error, failedCount);
        return;
      }
      parking.parkNow(toSubject(outbound, lane), error, failedCount);
    });
    this.deliver();
  }

  /** What was taken goes on; behind it the journal is read anew, or the lane stops once what was taken is delivered. */
  #interrupt(error: HeadwaterError): void {
    if (this.#isHalted) return;
    const final = this.#intake.recover(
      error,
      () => this.#taken,
      () => this.deliver(),
    );
    if (final === undefined) return;
    this.#stop = toPendingStop(final);
    this.deliver();
  }

  #fault(error: HeadwaterError, recordId: string | undefined): void {
    if (this.#isHalted) return;
    this.#isHalted = true;
    this.#intake.close();
    this.#options.observer.onFault(error, recordId);
  }
}
