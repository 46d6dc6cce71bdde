import { assertInvariant } from '../foundation/assert.ts';
import type { ClockTimer } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { AcknowledgementTracker, type Ticket } from './acknowledgement-tracker.ts';
import { BatchPlanner } from './batch-planner.ts';
import { BatchNarrowing } from './batch-narrowing.ts';
import { aheadDelayMs, emptyDelayMs, emptyTransactionsMax } from './batch-timing.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Delivery, type DeliveryOptions, type PendingStop, toPendingStop } from './delivery.ts';
import { BatchRelease } from './parking/batch-release.ts';
import { selectOrPark, toSubject } from './parking/select-record.ts';
import { awaitOrAbort, type OpenPart, PartIntake } from './part-intake.ts';
import { isPoison, nameBatch, nameRecord, planNarrowing, poisonOf } from './poisoned-record.ts';
import { decideByHeld, decideRetry } from './retry-decision.ts';
import type { OutboundBatch, OutboundRecord } from './sink.ts';

/**
 * Delivers to a sink that takes batches, one at a time and in order. While one is written the next one fills. Nothing polls:
 * the journal's tail, the end of a write and the timers of a retry or a wait are all that moves it.
 */
export class BatchDelivery implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #unit: 'transaction' | 'batch';
  readonly #isInMemory: boolean;
  readonly #abort = new AbortController();
  readonly #intake: PartIntake;
  /** Parked records that may go now. */
  readonly #release: BatchRelease | undefined;
  #tracker: AcknowledgementTracker;
  #planner: BatchPlanner;
  #durable: Checkpoint;
  #wasHeld: boolean;
  /** A record that did not fit into the batch before. */
  #carried: OutboundRecord | undefined;
  /** The batches of a transaction that the sink holds open, acknowledged together at its end. */
  #openTickets: Ticket[] = [];
  #inFlight: OutboundBatch | undefined;
  #inFlightEnd: Promise<void> = Promise.resolve();
  #attempt = 0;
  #retryTimer: ClockTimer | undefined;
  #waitTimer: ClockTimer | undefined;
  #emptyTimer: ClockTimer | undefined;
  #aheadTimer: ClockTimer | undefined;
  #hasWaited = false;
  #isHalted = false;
  readonly #narrowing = new BatchNarrowing();
  /** What stops the lane once everything in front of it is delivered. */
  #stop: PendingStop | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { checkpointIn, unit } = options.sink.capabilities;
    this.#unit = unit === 'transaction' ? 'transaction' : 'batch';
    this.#isInMemory = checkpointIn === 'memory';
    this.#intake = new PartIntake(options);
    this.#release =
      options.parking &&
      new BatchRelease(options, options.parking, {
        onReady: () => this.deliver(),
        onFailure: (error) => this.#interrupt(error),
      });
    this.#durable = options.from;
    this.#wasHeld = options.wasHeld;
    this.#tracker = new AcknowledgementTracker(options.from);
    this.#planner = this.#createPlanner(options.from);
    options.sink.onDoubt?.(() => this.#lookAgain());
  }

  get acknowledged(): Checkpoint {
    return this.#tracker.acknowledged;
  }

  get durable(): Checkpoint {
    return this.#keepsOwn ? this.#durable : this.#tracker.acknowledged;
  }

  get pendingRecordCount(): number {
    return this.#planner.recordCount + (this.#inFlight?.records.length ?? 0);
  }

  get pendingByteCount(): number {
    return this.#planner.byteCount + (this.#inFlight?.records.reduce((sum, record) => sum + record.byteCount, 0) ?? 0);
  }

  get oldestPendingMicros(): bigint | undefined {
    return (this.#inFlight?.records[0] ?? this.#planner.firstRecord)?.header.commitTimeMicros;
  }

  deliver(): void {
    if (this.#isHalted || this.#intake.isWaiting) return;
    if (this.#stop !== undefined) {
      this.#writeInFront(this.#stop);
      return;
    }
    this.#guard(() => {
      const isDry = this.#fill();
      this.#release?.request();
      const hasBegun = this.#dispatch();
      if (hasBegun && !isDry) this.#fillAhead();
      if (!hasBegun && this.#inFlight !== undefined) this.#prepareNext();
      if (isDry) this.#intake.onReady(() => this.deliver());
    });
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.#interrupt(HeadwaterError.from(thrown));
    }
  }

  async halt(giveUp: AbortSignal): Promise<void> {
    this.#isHalted = true;
    this.#intake.close();
    this.#release?.close();
    for (const timer of [this.#retryTimer, this.#waitTimer, this.#emptyTimer, this.#aheadTimer]) timer?.clear();
    await awaitOrAbort(this.#inFlightEnd, this.#abort, giveUp);
  }

  get #keepsOwn(): boolean {
    return this.#options.sink.capabilities.checkpointIn !== 'lane';
  }

  #createPlanner(from: Checkpoint): BatchPlanner {
    const planner = new BatchPlanner({ unit: this.#unit, limits: this.#options.lane.batch, from });
    planner.narrow(this.#narrowing.recordCountMax);
    return planner;
  }

  /** Takes parts until the batch is full. Returns whether the tail had no more to give. */
  #fill(): boolean {
    return this.#intake.takeParts({ hasRoom: () => !this.#planner.isFull, take: (open) => this.#fillFrom(open) });
  }

  /** Adds the rest of a part. Returns whether all of it fitted. */
  #fillFrom(open: OpenPart): boolean {
    const { part } = open;
    const planner = this.#planner;
    if (open.offset === 0 && !planner.begin(part)) return false;
    for (; open.offset < part.records.length; open.offset += 1) {
      const outbound = this.#carried ?? selectOrPark(part, open.offset, this.#options);
      this.#carried = undefined;
      if (outbound === 'hold') return false;
      if (outbound === 'pass') {
        planner.pass(part.header, part.firstOrdinal + open.offset + 1);
        continue;
      }
      if (!planner.fits(outbound.byteCount)) {
        this.#carried = outbound;
        return false;
      }
      planner.add(outbound);
    }
    if (part.isLast && planner.cutsBeforeEnd) return false;
    if (part.isLast) planner.endTransaction(part.header);
    if (planner.isEmpty) this.#pass();
    return true;
  }

  /** What has no effect needs no write; but a checkpoint that the sink keeps must not stay behind for ever. */
  #pass(): void {
    this.#options.parking?.secure();
    this.#tracker.pass(this.#planner.to);
    this.#options.observer.onProgress();
    if (!this.#keepsOwn || this.#isInMemory) return;
    this.#emptyTimer ??= this.#options.clock.setTimer(emptyDelayMs, () => {
      this.#emptyTimer = undefined;
      if (this.#isHalted || this.#inFlight !== undefined || !this.#isBehindBy(1n)) return;
      this.#guard(() => this.#cutAndWrite());
    });
  }

  /** Only what was acknowledged can be lost, and a write under way or a transaction held open finds out by itself. */
  #lookAgain(): void {
    const isBusy = this.#isHalted || this.#inFlight !== undefined || this.#openTickets.length > 0;
    if (isBusy || !this.#wasHeld || !this.#planner.isAtEnd) return;
    this.#write(this.#planner.cut());
  }

  /** Whether the sink's checkpoint lies so many transactions, none with a record, behind. */
  #isBehindBy(count: bigint): boolean {
    if (!this.#keepsOwn || !this.#planner.isEmpty || !this.#planner.isAtEnd) return false;
    return this.#planner.to.sequence - this.#durable.sequence >= count;
  }

  /** Begins a write if one is due. */
  #dispatch(): boolean {
    if (this.#inFlight !== undefined) return false;
    const release = this.#release?.begin(this.#planner);
    if (release !== undefined) {
      this.#write(release);
      return true;
    }
    if (!this.#isDue()) return false;
    this.#waitTimer?.clear();
    this.#waitTimer = undefined;
    this.#hasWaited = false;
    this.#cutAndWrite();
    return true;
  }

  /** What is parked in front of its end is durable before the batch is cut. */
  #cutAndWrite(): void {
    this.#options.parking?.planWrite(undefined);
    this.#write(this.#planner.cut());
  }

  /** The next batch fills while this one is written, but not before its first bytes are on their way. */
  #fillAhead(): void {
    this.#aheadTimer?.clear();
    this.#aheadTimer = this.#options.clock.setTimer(aheadDelayMs, () => this.deliver());
  }

  /** What will be written next, unchanged, may be made ready. */
  #prepareNext(): void {
    if (this.#planner.isEmpty || !(this.#planner.isFull || this.#intake.hasOpenPart)) return;
    this.#options.sink.prepare?.(this.#planner.preview());
  }

  #isDue(): boolean {
    if (this.#planner.isEmpty) return this.#isBehindBy(this.#isInMemory ? 1n : emptyTransactionsMax);
    const { waitMs } = this.#options.lane.batch;
    if (waitMs === 0 || this.#hasWaited || this.#planner.isFull || this.#intake.hasOpenPart) return true;
    this.#waitTimer ??= this.#options.clock.setTimer(waitMs, () => {
      this.#waitTimer = undefined;
      this.#hasWaited = true;
      this.deliver();
    });
    return false;
  }

  #write(planned: OutboundBatch): void {
    const batch = this.#isInMemory ? { ...planned, lastEnded: this.#planner.lastEnded } : planned;
    assertInvariant(this.#inFlight === undefined, 'one batch is written at a time');
    if (this.#release?.isUnderWay !== true) this.#openTickets.push(this.#tracker.take(batch.to));
    this.#attempt = 0;
    this.#inFlight = batch;
    this.#send(batch);
  }

  #send(batch: OutboundBatch): void {
    this.#run(async () => {
      await this.#options.sink.write(batch, this.#abort.signal);
      this.#succeed(batch);
    });
  }

  /** Runs a step of the write under way; its failure is the write's failure. */
  #run(step: () => Promise<void>): void {
    this.#inFlightEnd = step().catch((thrown: unknown) => this.#fail(thrown));
  }

  #succeed(batch: OutboundBatch): void {
    if (this.#attempt > 0) this.#options.observer.onRecovered();
    this.#attempt = 0;
    this.#inFlight = undefined;
    this.#options.counts.delivered += batch.records.length;
    const isOpen = this.#unit === 'transaction' && !batch.endsTransaction;
    if (!isOpen) {
      for (const ticket of this.#openTickets.splice(0)) this.#tracker.acknowledge(ticket);
      this.#durable = batch.to;
      this.#wasHeld = true;
      if (this.#narrowing.widen(batch.to)) this.#planner.narrow(undefined);
      this.#options.observer.onProgress();
    }
    this.#guard(() => this.#release?.succeed());
    this.deliver();
  }

  #fail(thrown: unknown): void {
    if (this.#isHalted) return;
    const error = HeadwaterError.from(thrown);
    this.#attempt += 1;
    const { lane, random, clock, counts, observer } = this.#options;
    const decision = decideRetry({ error, attempt: this.#attempt, policy: lane.retry, chance: random.next() });
    if (decision.kind === 'stop') {
      this.#refused(decision.error);
      return;
    }
    counts.retries += 1;
    observer.onWriteFailed(error, undefined);
    this.#retryTimer = clock.setTimer(decision.delayMs, () => this.#run(() => this.#tryAgain()));
  }

  /** What lies in front of a poisoned record is delivered before the lane stops: the batches become smaller. */
  #refused(error: HeadwaterError): void {
    const batch = this.#inFlight;
    if (batch === undefined) {
      this.#fault(error);
      return;
    }
    if (this.#release?.isUnderWay === true && isPoison(error)) {
      this.#orFault(() => this.#release?.refuse(error), batch);
      return;
    }
    const goesOn = this.#openTickets.length > 1 && !this.#narrowing.isNarrow;
    const recordCountMax = planNarrowing({ error, batch, unit: this.#unit, goesOn });
    if (recordCountMax !== undefined) {
      this.#narrow(recordCountMax, batch);
      return;
    }
    const poison = poisonOf({ error, batch });
    const { parking, lane } = this.#options;
    if (poison !== undefined && parking?.mayPark === true)
      this.#orFault(() => parking.parkNow(toSubject(poison, lane), nameRecord(error, poison)), batch);
    else this.#fault(nameBatch(error, batch), poison?.id);
  }

  #narrow(recordCountMax: number, { to }: OutboundBatch): void {
    this.#narrowing.narrow(recordCountMax, to);
    this.#run(() => this.#tryAgain());
  }

  /** Lists what a write was refused for, and goes on from the sink's place; a list that cannot be written stops the lane. */
  #orFault(list: () => void, batch: OutboundBatch): void {
    try {
      list();
    } catch (thrown) {
      this.#fault(HeadwaterError.from(thrown));
      return;
    }
    this.#narrow(1, batch);
  }

  async #tryAgain(): Promise<void> {
    const batch = this.#inFlight;
    if (batch === undefined || this.#isHalted) return;
    if (!this.#keepsOwn) {
      if (this.#openTickets.length > 1 || this.#narrowing.isNarrow) this.#rewind(this.#tracker.acknowledged);
      else this.#send(batch);
      return;
    }
    const held = await this.#options.sink.readCheckpoint(this.#abort.signal);
    if (this.#isHalted) return;
    const { from, to } = batch;
    const decision = decideByHeld({ held, durable: this.#durable, wasHeld: this.#wasHeld, from, to });
    switch (decision.kind) {
      case 'acknowledged':
        this.#succeed(batch);
        break;
      case 'again':
        if (this.#narrowing.isNarrow) this.#rewind(batch.from);
        else this.#send(batch);
        break;
      case 'rewind':
        this.#rewind(decision.to);
        break;
      case 'refuse':
        throw decision.error;
    }
  }

  /** Delivers from an earlier place: what was planned is read again. */
  #rewind(place: Checkpoint): void {
    this.#intake.rewind(place);
    this.#tracker = new AcknowledgementTracker(place);
    this.#planner = this.#createPlanner(place);
    this.#durable = place;
    this.#openTickets = [];
    this.#release?.abandon();
    this.#carried = undefined;
    this.#inFlight = undefined;
    this.#stop = undefined;
    if (this.#attempt > 0) this.#options.observer.onRecovered();
    this.deliver();
  }

  /** What was taken stays; behind it the journal is read anew, or the lane stops once what was taken is delivered. */
  #interrupt(error: HeadwaterError): void {
    if (this.#isHalted) return;
    const final = this.#intake.recover(
      error,
      () => this.#planner.to,
      () => this.deliver(),
    );
    if (final === undefined) return;
    this.#stop = toPendingStop(final);
    this.#writeInFront(this.#stop);
  }

  #writeInFront({ error, recordId }: PendingStop): void {
    if (this.#inFlight !== undefined) return;
    try {
      this.#options.parking?.planWrite(undefined);
      const batch = this.#planner.cutInFront();
      if (batch === undefined) this.#fault(error, recordId);
      else this.#write(batch);
    } catch (thrown) {
      this.#fault(HeadwaterError.from(thrown));
    }
  }

  #fault(error: HeadwaterError, recordId?: string): void {
    if (this.#isHalted) return;
    this.#isHalted = true;
    this.#intake.close();
    this.#options.observer.onFault(error, recordId);
  }
}
