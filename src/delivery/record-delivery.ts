import type { ClockTimer } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { TransactionHeader } from '../model/transaction.ts';
import { AcknowledgementTracker, type Ticket } from './acknowledgement-tracker.ts';
import { checkpointAfter } from './batch-planner.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Delivery, type DeliveryOptions, isOversized, selectRecord } from './delivery.ts';
import { KeyScheduler } from './key-scheduler.ts';
import { recordOrder } from './outbound-record.ts';
import { awaitOrAbort, type OpenPart, PartIntake } from './part-intake.ts';
import { nameRecord } from './poisoned-record.ts';
import { decideRetry } from './retry-decision.ts';
import type { OutboundRecord } from './sink.ts';

interface Unit {
  readonly outbound: OutboundRecord;
  readonly ticket: Ticket;
  readonly after: Checkpoint;
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
  readonly #inFlight = new Set<Promise<void>>();
  readonly #timers = new Set<ClockTimer>();
  /** Units that failed and did not succeed since. */
  #failingCount = 0;
  /** The end of the last whole transaction, and what was taken behind it. */
  #place: Checkpoint;
  #taken: Checkpoint;
  /** Pending transactions in order, for the age of the oldest. */
  #headers: TransactionHeader[] = [];
  #isHalted = false;
  /** What stops the lane once everything in front of it is delivered. */
  #stop: { readonly error: HeadwaterError; readonly recordId: string | undefined } | undefined;

  constructor(options: DeliveryOptions) {
    const { batch, concurrencyMax } = options.lane;
    this.#options = options;
    this.#tracker = new AcknowledgementTracker(options.from);
    this.#place = options.from;
    this.#taken = options.from;
    this.#intake = new PartIntake(options);
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
      const isDry = this.#stop === undefined && this.#fill();
      this.#beginAll();
      if (this.#stop !== undefined && this.#scheduler.pendingCount === 0)
        this.#fault(this.#stop.error, this.#stop.recordId);
      if (isDry) this.#intake.onReady(() => this.deliver());
    } catch (thrown) {
      this.#interrupt(HeadwaterError.from(thrown));
    }
  }

  #beginAll(): void {
    for (let unit = this.#scheduler.next(); unit !== undefined; unit = this.#scheduler.next()) this.#begin(unit);
  }

  async halt(giveUp: AbortSignal): Promise<void> {
    this.#isHalted = true;
    this.#intake.close();
    for (const timer of this.#timers) timer.clear();
    await awaitOrAbort(Promise.all(this.#inFlight), this.#abort, giveUp);
  }

  /** Takes parts while there is room. Returns whether the tail had no more to give. */
  #fill(): boolean {
    return this.#intake.takeParts({ hasRoom: () => this.#scheduler.hasRoom, take: (open) => this.#fillFrom(open) });
  }

  /** Adds the rest of a part. Returns whether all of it found room. */
  #fillFrom(open: OpenPart): boolean {
    const { part } = open;
    for (; open.offset < part.records.length; open.offset += 1) {
      if (!this.#scheduler.hasRoom) return false;
      const outbound = selectRecord(part, open.offset, this.#options);
      const after = { ...this.#place, recordCount: part.firstOrdinal + open.offset + 1 };
      if (outbound === undefined) this.#pass(after);
      else this.#add(outbound, after);
    }
    if (part.isLast) {
      this.#place = checkpointAfter(this.#place.journalId, part.header);
      this.#pass(this.#place);
    }
    return true;
  }

  #pass(after: Checkpoint): void {
    this.#taken = after;
    this.#tracker.pass(after);
    if (this.#tracker.acknowledged === after) this.#options.observer.onProgress();
  }

  #add(outbound: OutboundRecord, after: Checkpoint): void {
    this.#taken = after;
    const unit: Unit = { outbound, ticket: this.#tracker.take(after), after, failedCount: 0 };
    this.#scheduler.add(unit, recordOrder(outbound, this.#options.lane.key !== undefined), outbound.byteCount);
    if (this.#headers.at(-1) !== outbound.header) this.#headers.push(outbound.header);
  }

  #begin(unit: Unit): void {
    const { sink } = this.#options;
    if (isOversized(unit.outbound, sink)) {
      const message = `a record has about ${unit.outbound.byteCount} bytes, the sink takes ${sink.capabilities.recordBytesMax}`;
      this.#fault(nameRecord(new HeadwaterError('HW-SINK-005', message), unit.outbound), unit.outbound.id);
      return;
    }
    const attempt = this.#attempt(unit);
    this.#inFlight.add(attempt);
    void attempt.finally(() => this.#inFlight.delete(attempt));
  }

  async #attempt(unit: Unit): Promise<void> {
    const batch = { records: [unit.outbound], from: this.#tracker.acknowledged, to: unit.after, endsTransaction: true };
    try {
      await this.#options.sink.write(batch, this.#abort.signal);
    } catch (thrown) {
      this.#fail(unit, HeadwaterError.from(thrown));
      return;
    }
    this.#succeed(unit);
  }

  /** An effect that comes in while the lane halts counts as well: the record is not delivered again. */
  #succeed(unit: Unit): void {
    const { counts, observer } = this.#options;
    counts.delivered += 1;
    this.#scheduler.settle(unit);
    if (unit.failedCount > 0) this.#recover();
    if (this.#tracker.acknowledge(unit.ticket)) observer.onProgress();
    this.deliver();
  }

  #recover(): void {
    this.#failingCount -= 1;
    if (this.#failingCount === 0) this.#options.observer.onRecovered();
  }

  #fail(unit: Unit, error: HeadwaterError): void {
    if (this.#isHalted) return;
    const { lane, random, clock, counts, observer } = this.#options;
    if (unit.failedCount === 0) this.#failingCount += 1;
    unit.failedCount += 1;
    const decision = decideRetry({ error, attempt: unit.failedCount, policy: lane.retry, chance: random.next() });
    if (decision.kind === 'stop') {
      this.#fault(nameRecord(decision.error, unit.outbound), unit.outbound.id);
      return;
    }
    counts.retries += 1;
    this.#scheduler.setAside(unit);
    const timer = clock.setTimer(decision.delayMs, () => {
      this.#timers.delete(timer);
      this.#scheduler.bringBack(unit);
      this.deliver();
    });
    this.#timers.add(timer);
    observer.onWriteFailed(error, unit.outbound.id);
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
    const { record } = final.details;
    this.#stop = { error: final, recordId: typeof record === 'string' ? record : undefined };
    this.deliver();
  }

  #fault(error: HeadwaterError, recordId: string | undefined): void {
    if (this.#isHalted) return;
    this.#isHalted = true;
    this.#intake.close();
    this.#options.observer.onFault(error, recordId);
  }
}
