import { assertInvariant, unreachable } from '../foundation/assert.ts';
import type { ClockTimer, Instant } from '../foundation/clock.ts';
import type { Component } from '../foundation/component.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { type Sequence, sequenceZero } from '../model/position.ts';
import { BatchDelivery } from './batch-delivery.ts';
import type { Checkpoint } from './checkpoint.ts';
import { CheckpointKeeper, saveIntervalMs } from './checkpoint-keeper.ts';
import type { Delivery, DeliveryObserver, DeliveryOptions } from './delivery.ts';
import { DrainQueue } from './drain-queue.ts';
import { endOrGiveUp, endsWithin } from './ends-within.ts';
import { describeLane, logFailure } from './describe-lane.ts';
import { copyOriginOf } from './lane-copy.ts';
import { createSinkContext } from './sink-context.ts';
import type { LaneDependencies } from './lane-dependencies.ts';
import { attachParking, closeSink, findStart, type RecordedLane, recordLane } from './lane-opening.ts';
import { type LaneEffect, type LaneEvent, type LaneState, transition } from './lane-state.ts';
import { conditionOf, createLaneCounts, type LaneCounts, type LaneFailure, type LaneStatus } from './lane-status.ts';
import { refusedDrain } from './lane-refusal.ts';
import { readCheckpoint, writeCheckpoint } from './lane-store.ts';
import { type ParkedReport, reportParked } from './parking/parked-report.ts';
import { Parking } from './parking/parking.ts';
import { RecordDelivery } from './record-delivery.ts';
import { decideRetry } from './retry-decision.ts';
import type { Sink } from './sink.ts';

/**
 * The way of one sink behind the journal: reads from its checkpoint, filters, routes and maps, writes in order, retries with
 * jittered delays, and moves the checkpoint. Decisions are in `lane-state.ts` and the pure cores beside it; this is the driver.
 *
 * A hung sink holds this lane only. A poisoned record is parked with its key, or stops the lane; nothing is skipped.
 */
export class Lane implements Component {
  readonly #deps: LaneDependencies;
  readonly #counts: LaneCounts = createLaneCounts();
  readonly #parking: Parking;
  #state: LaneState = { kind: 'stopped' };
  #since: Instant;
  #recorded: RecordedLane | undefined;
  #sink: Sink | undefined;
  #delivery: Delivery | undefined;
  #keeper: CheckpointKeeper | undefined;
  #lastCheckpoint: Checkpoint | undefined;
  #oldestKnownMicros: bigint | undefined;
  #lastFailure: LaneFailure | undefined;
  #openAttempt = 0;
  #openTimer: ClockTimer | undefined;
  #opening: Promise<void> = Promise.resolve();
  #openAbort = new AbortController();
  readonly #drains = new DrainQueue();
  #onSettled: (() => void)[] = [];

  constructor(deps: LaneDependencies) {
    this.#deps = deps;
    this.#parking = new Parking({ ...deps, limits: deps.options.parked });
    this.#since = deps.clock.now();
  }

  get name(): string {
    return this.#deps.laneName;
  }

  /**
   * Resolves when the lane delivers, is paused by configuration, or tries again to open a sink that is away.
   * @throws HW-LANE and HW-SINK codes that waiting does not mend; the lane is then `failed` and may be resumed.
   */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const abort = (): void => this.#apply({ kind: 'stop' });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (!(await this.#record())) throw this.#failure();
      this.#apply({ kind: 'start', isPaused: this.#deps.options.paused });
      await this.#settled(
        () => this.#state.kind !== 'halting' && !(this.#state.kind === 'starting' && !this.#state.isRetrying),
      );
      signal?.throwIfAborted();
      if (this.#state.kind === 'failed') throw this.#failure();
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Idempotent, legal in any state. What is under way may end within `stopTimeoutMs`. */
  async stop(): Promise<void> {
    this.#apply({ kind: 'stop' });
    await this.#settled(() => this.#state.kind !== 'halting');
  }

  /** Stops the lane, visibly failed, for a reason that lies outside of it. */
  fail(error: HeadwaterError): void {
    this.#observer.onFault(error, undefined);
  }

  /** Ends what is under way and closes the sink. The checkpoint stays, and the journal is held. */
  async pause(): Promise<void> {
    this.#apply({ kind: 'pause' });
    await this.#settled(() => this.#state.kind !== 'halting');
  }

  /** Goes on at the checkpoint, after a pause or after a failure. Resolves when it was begun; `status` tells how it goes. */
  async resume(): Promise<void> {
    if (this.#recorded === undefined && this.#state.kind === 'failed' && !(await this.#record())) throw this.#failure();
    this.#apply({ kind: 'resume' });
  }

  /**
   * Resolves when everything up to the durable end at the time of the call is acknowledged.
   * @throws HW-LANE-012 when the lane does not run, or stops running before. Rejects with `signal.reason` on cancel.
   */
  async drain(signal?: AbortSignal): Promise<void> {
    const drained = this.#drains.add(this.#deps.reader.durableEnd.sequence, signal);
    this.#apply({ kind: 'drain' });
    this.#settleDrains();
    try {
      await drained;
    } finally {
      if (this.#drains.isEmpty) this.#apply({ kind: 'drained' });
    }
  }

  /** Resolves when everything up to `sequence` is acknowledged or parked. @throws as `drain`, which it delays nothing for */
  async reach(sequence: Sequence, signal?: AbortSignal): Promise<void> {
    if ((this.#checkpoint?.sequence ?? -1n) >= sequence) return;
    if (/^(?:stopped|paused|failed)$/.test(this.#state.kind)) throw refusedDrain(this.name, this.#state);
    await this.#drains.follow(sequence, signal);
  }

  /** The name that its sink and its copies know it by: its own, unless it was renamed. */
  get originalName(): string {
    return this.#recorded?.identity.originalName ?? this.name;
  }

  /** Of a lane that begins with a copy: the sequence that it began behind, once it is recorded. */
  get copyOrigin(): Sequence | undefined {
    return copyOriginOf(this.#recorded?.identity);
  }

  /** How far a checkpoint may be kept: never ahead of what the sink has made durable. */
  get durableSequence(): Sequence {
    const checkpoint = this.#delivery?.durable ?? this.#lastCheckpoint ?? this.#recorded?.checkpoint;
    return this.#parking.retained(checkpoint?.sequence ?? sequenceZero);
  }

  /**
   * Makes the checkpoint beside the journal durable. @returns the sequence behind which the next start goes on at the
   * earliest, also after a power cut: what retention may count on. @throws HW-JOURNAL-007, HW-JOURNAL-008
   */
  secureCheckpoint(): Sequence {
    this.#keeper?.flush();
    return this.#parking.retained(readCheckpoint(this.#deps.states, this.name)?.sequence ?? sequenceZero);
  }

  /** Has the lane go on at another checkpoint once it is resumed. Only while it is at rest. Durable when it returns. */
  rewind(to: Checkpoint): void {
    assertInvariant(this.#delivery === undefined, 'a lane that delivers is not moved');
    writeCheckpoint(this.#deps.states, this.name, to);
    this.#lastCheckpoint = to;
  }

  /** The records that are parked, and what was dropped. */
  get parked(): ParkedReport {
    return reportParked(this.#parking, this.#deps);
  }

  /**
   * Tries one parked record again, or all that failed; those that wait behind go on after it, in order. Durable when it
   * returns; a lane that stopped because too much was parked goes on. @returns how many will be tried. @throws HW-LANE-016
   */
  retryParked(id?: string): number {
    const count = this.#parking.retry(id);
    this.#goOn();
    return count;
  }

  /** Gives a parked record up, with the reason on record; what waits goes on. Durable when it returns. @throws HW-LANE-016 */
  dropParked(id: string, reason: string): void {
    this.#parking.drop(id, reason, this.#delivery !== undefined);
    this.#goOn();
  }

  #goOn(): void {
    this.#delivery?.deliver();
    const isFull = this.#state.kind === 'failed' && /^HW-LANE-01[47]$/.test(this.#state.error.code);
    if (isFull) this.#apply({ kind: 'resume' });
  }

  /** What the lane does and how far it is. */
  status(): LaneStatus {
    const { laneName, options, copies, reader, clock } = this.#deps;
    return describeLane({
      laneName,
      options,
      state: this.#state,
      since: this.#since,
      identity: this.#recorded?.identity,
      counts: this.#counts,
      copies: copies(),
      lastFailure: this.#lastFailure,
      checkpoint: this.#checkpoint,
      delivery: this.#delivery,
      parking: this.#parking,
      durableEnd: reader.durableEnd.sequence,
      oldestKnownMicros: this.#oldestKnownMicros,
      now: clock.now(),
    });
  }

  get #checkpoint(): Checkpoint | undefined {
    return this.#delivery?.acknowledged ?? this.#lastCheckpoint ?? this.#recorded?.checkpoint;
  }

  #apply(event: LaneEvent): void {
    const before = conditionOf(this.#state);
    const { state, effects } = transition(this.#state, event);
    this.#state = state;
    if (conditionOf(state) !== before) this.#since = this.#deps.clock.now();
    for (const effect of effects) this.#perform(effect);
    for (const callback of this.#onSettled.splice(0)) callback();
  }

  #perform(effect: LaneEffect): void {
    switch (effect) {
      case 'open':
        this.#openAttempt = 0;
        this.#beginOpening();
        break;
      case 'open-later':
        break;
      case 'deliver':
        this.#delivery?.deliver();
        break;
      case 'halt':
        void this.#halt();
        break;
      case 'refuse-drains':
        this.#drains.refuse(refusedDrain(this.name, this.#state));
        break;
      default:
        unreachable(effect);
    }
  }

  /** Whether the lane is recorded now; its refusal is the lane's failure. */
  async #record(): Promise<boolean> {
    try {
      this.#recorded = await recordLane(this.#deps);
      this.#parking.load();
      return true;
    } catch (thrown) {
      this.#noteFailure(HeadwaterError.from(thrown), undefined);
      this.#apply({ kind: 'fault', error: HeadwaterError.from(thrown) });
      return false;
    }
  }

  #beginOpening(): void {
    this.#openAbort = new AbortController();
    this.#opening = this.#open(this.#openAbort.signal).catch((thrown: unknown) => this.#openFailed(thrown));
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { reader, options, clock, random, logger, laneName, tail } = this.#deps;
    const recorded = this.#lastCheckpoint ?? (await recordLane(this.#deps)).checkpoint;
    const named = { ...this.#deps, laneName: this.originalName };
    const sink = await options.sink.open(createSinkContext(named, this.#recorded?.identity, recorded, signal));
    try {
      const { from, wasHeld } = await findStart(this.#deps, sink, recorded, signal);
      signal.throwIfAborted();
      this.#oldestKnownMicros ??= (await reader.extent()).oldestCommitMicros;
      const parking = await attachParking(this.#deps, sink, this.#parking, from);
      signal.throwIfAborted();
      const kept = { counts: this.#counts, observer: this.#observer, parking };
      this.#attach(
        sink,
        { laneName: this.originalName, clock, random, ...kept, sink, tail, lane: options, from, wasHeld },
        recorded,
      );
    } catch (thrown) {
      await sink[Symbol.asyncDispose]();
      throw thrown;
    }
    this.#openAttempt = 0;
    const sequence = this.#delivery?.acknowledged.sequence;
    logger.info('lane delivers', { lane: laneName, sink: options.sink.kind, sequence });
    this.#apply({ kind: 'opened' });
  }

  #attach(sink: Sink, options: DeliveryOptions, saved: Checkpoint): void {
    const { states, laneName, clock } = this.#deps;
    const { unit, checkpointIn } = sink.capabilities;
    this.#sink = sink;
    this.#delivery = unit === 'record' ? new RecordDelivery(options) : new BatchDelivery(options);
    this.#keeper = new CheckpointKeeper(saved, {
      clock,
      intervalMs: saveIntervalMs[checkpointIn],
      save: (checkpoint, durability) => writeCheckpoint(states, laneName, checkpoint, durability),
      onFailure: (thrown) => this.#saveFailed(HeadwaterError.from(thrown)),
    });
    this.#keeper.note(this.#delivery.durable);
  }

  /** Whether the lane must stop: a full disk passes, and until then an older checkpoint only means delivering again. */
  #saveFailed(error: HeadwaterError): boolean {
    if (error.policy === 'stop') this.#observer.onFault(error, undefined);
    else this.#noteFailure(error, undefined);
    return error.policy === 'stop';
  }

  #openFailed(thrown: unknown): void {
    if (this.#state.kind !== 'starting') return;
    const { clock, random, options } = this.#deps;
    const error = HeadwaterError.from(thrown);
    this.#openAttempt += 1;
    const decision = decideRetry({ error, attempt: this.#openAttempt, policy: options.retry, chance: random.next() });
    this.#noteFailure(error, undefined);
    if (decision.kind === 'stop') {
      this.#apply({ kind: 'fault', error: decision.error });
      return;
    }
    this.#counts.retries += 1;
    this.#openTimer = clock.setTimer(decision.delayMs, () => {
      if (this.#state.kind === 'starting') this.#beginOpening();
    });
    this.#apply({ kind: 'open-failed' });
  }

  readonly #observer: DeliveryObserver = {
    onProgress: () => {
      if (this.#delivery !== undefined) this.#keeper?.note(this.#delivery.durable);
      this.#settleDrains();
    },
    onWriteFailed: (error, recordId) => {
      this.#noteFailure(error, recordId);
      this.#apply({ kind: 'write-failed' });
    },
    onRecovered: () => this.#apply({ kind: 'recovered' }),
    onFault: (error, recordId) => {
      this.#noteFailure(error, recordId);
      this.#apply({ kind: 'fault', error });
    },
  };

  /** Lets what is under way end, gives it up after the time limit, saves the checkpoint, closes the sink. */
  async #halt(): Promise<void> {
    const { clock, laneName, logger, stopTimeoutMs = 10_000 } = this.#deps;
    this.#openTimer?.clear();
    this.#openAbort.abort(new HeadwaterError('HW-INTERNAL-003', `lane "${laneName}" was halted`));
    const work = async (giveUp: AbortSignal): Promise<void> => {
      await this.#opening;
      await this.#delivery?.halt(giveUp);
    };
    const hasEnded = await endOrGiveUp(work, { name: `lane "${laneName}"`, timeoutMs: stopTimeoutMs, clock });
    if (hasEnded !== 'in-time') {
      logger.warn('lane gave up what was under way', { lane: laneName, ended: hasEnded === 'given-up' });
    }
    this.#saveCheckpoint();
    const sink = this.#sink;
    this.#sink = undefined;
    if (sink !== undefined) await endsWithin(closeSink(sink), stopTimeoutMs, clock);
    this.#apply({ kind: 'closed' });
  }

  #saveCheckpoint(): void {
    const delivery = this.#delivery;
    this.#delivery = undefined;
    if (delivery === undefined) return;
    this.#lastCheckpoint = delivery.durable;
    try {
      this.#keeper?.note(delivery.durable);
      this.#keeper?.flush();
    } catch (thrown) {
      // The older checkpoint stays: what lies between is delivered again.
      this.#noteFailure(HeadwaterError.from(thrown), undefined);
    }
    this.#keeper = undefined;
  }

  #noteFailure(error: HeadwaterError, recordId: string | undefined): void {
    this.#lastFailure = { error, at: this.#deps.clock.now(), recordId };
    logFailure(this.#deps, error, recordId);
  }

  #failure(): HeadwaterError {
    return this.#state.kind === 'failed' ? this.#state.error : refusedDrain(this.name, this.#state);
  }

  #settleDrains(): void {
    if (this.#delivery !== undefined) this.#drains.settle(this.#delivery.acknowledged.sequence);
  }

  /** Waits for a condition on the state, which is looked at after each event. */
  async #settled(isMet: () => boolean): Promise<void> {
    while (!isMet()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onSettled.push(resolve);
      await promise;
    }
  }
}
