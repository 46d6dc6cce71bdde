import { createPostgresChangeSource } from '../../src/capture/postgres/postgres-change-source.ts';
import { createPgoutputDecoder } from '../../src/capture/postgres/pgoutput/pgoutput-decoder.ts';
import type { StreamByteLimits } from '../../src/capture/postgres/source/source-options.ts';
import type { ChangeSource } from '../../src/capture/change-source.ts';
import { decodeCheckpoint } from '../../src/delivery/checkpoint-text.ts';
import { JournalTail } from '../../src/delivery/journal-tail.ts';
import { noCopies } from '../../src/delivery/lane-copy.ts';
import { Lane } from '../../src/delivery/lane.ts';
import { type LaneOptions, resolveLaneOptions } from '../../src/delivery/lane-options.ts';
import type { Clock } from '../../src/foundation/clock.ts';
import type { Disk } from '../../src/foundation/disk.ts';
import { HeadwaterError } from '../../src/foundation/error.ts';
import type { LogFields, Logger } from '../../src/foundation/logger.ts';
import type { Random } from '../../src/foundation/random.ts';
import { planRetryDelayMs } from '../../src/foundation/retry.ts';
import { openJournal, type OpenedJournal } from '../../src/journal/embedded/open-journal.ts';
import type { MemoryState } from '../../src/journal/embedded/testing/memory-state-store.ts';
import type { StateStore } from '../../src/journal/state-store.ts';
import { toSequence } from '../../src/model/position.ts';
import type { Oracle } from './oracle.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { createSimulatedClock } from './simulated-clock.ts';
import type { SimulatedServer } from './simulated-server.ts';
import type { Scheduler } from './scheduler.ts';
import { publicationName, SimulatedSessions, slotName } from './simulated-sessions.ts';
import type { SimulatedStore } from './simulated-sink.ts';

/** What is set differently from run to run. */
export interface HeadwaterProfile {
  readonly canaryIntervalMs: number | false;
  readonly flushIntervalMs: number;
  readonly statusIntervalMs: number;
  readonly segmentByteCount: number;
  readonly byteLimits: StreamByteLimits;
  readonly batchRecordCountMax: number;
  readonly batchWaitMs: number;
  readonly concurrencyMax: number;
  readonly ringByteCountMax: number;
  /** Mirrors leave events out. */
  readonly filtersEvents: boolean;
}

/** What a process finds. */
export interface HeadwaterWorld {
  readonly process: SimulatedProcess;
  readonly disk: Disk;
  readonly state: MemoryState;
  readonly server: SimulatedServer;
  readonly stores: readonly SimulatedStore[];
  readonly oracle: Oracle;
  readonly random: Random;
  readonly profile: HeadwaterProfile;
  /** Called before what takes effect at once, without an await: the process may be killed there. */
  readonly beforeCall: (label: string) => void;
}

const retry = { initialDelayMs: 10, maxDelayMs: 200, maxAttempts: Number.POSITIVE_INFINITY };

/**
 * One life of Headwater: journal, capture and lanes, put together as the service does it, in one thread. It ends by `stop`,
 * by an error, or by the death of its process, after which no line of it runs any more.
 */
export class SimulatedHeadwater {
  readonly #world: HeadwaterWorld;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  readonly #log: string[] = [];
  readonly sessions: SimulatedSessions;
  #journal: OpenedJournal | undefined;
  #source: ChangeSource | undefined;
  #lanes: Lane[] = [];
  #running: Promise<void> | undefined;
  #capturing: Promise<void> | undefined;
  #isStopped = false;
  /** What ended it, or a part of it, for good. */
  failure: unknown;

  constructor(world: HeadwaterWorld) {
    this.#world = world;
    this.#clock = createSimulatedClock(world.process);
    this.sessions = new SimulatedSessions({
      server: world.server,
      owner: world.process,
      beforeSend: () => world.beforeCall('a status to the server'),
      onConfirm: (lsn) => world.oracle.checkConfirmed(lsn, this.#journal?.reader.durableEnd.recordedLsn ?? 0n),
    });
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Warnings and errors of this life, for people. */
  get log(): readonly string[] {
    return this.#log;
  }

  start(): void {
    this.#running = this.#run().catch((thrown: unknown) => {
      if (!this.#stopping.signal.aborted) this.failure ??= thrown;
    });
  }

  get hasParked(): boolean {
    return this.#lanes.some((lane) => lane.status().parkedRecordCount > 0);
  }

  /** Has parked records tried again; a few are given up. */
  workOffParked(scheduler: Scheduler): void {
    for (const lane of this.#lanes) {
      const { keys } = lane.parked;
      const [first] = keys.filter(({ isRetrying }) => !isRetrying);
      if (first === undefined || !this.#world.process.isAlive) continue;
      scheduler.record(`${lane.name} has parked ${keys.length}`);
      try {
        if (scheduler.chance(0.8)) lane.retryParked(scheduler.chance(0.5) ? undefined : first.id);
        else this.#drop(lane, first);
      } catch (thrown) {
        if (this.#world.process.isAlive) this.failure ??= thrown;
      }
    }
  }

  #drop(lane: Lane, { id, sequence, ordinal }: Lane['parked']['keys'][number]): void {
    lane.dropParked(id, 'given up by the simulated operator');
    const owner = this.#world.stores.find(({ kind }) => kind === lane.name);
    if (this.#world.process.isAlive) owner?.ledger.drop({ sequence: toSequence(sequence), ordinal });
  }

  /** Ends by itself: what was received is flushed, what is under way comes to its end. */
  stop(): void {
    this.#stop().catch((thrown: unknown) => {
      this.failure ??= thrown;
    });
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new HeadwaterError('HW-INTERNAL-003', 'the simulated process stops'));
    await this.#source?.stop();
    await this.#running;
    await this.#capturing;
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
    await this.#journal?.[Symbol.asyncDispose]();
    this.#isStopped = true;
  }

  async #run(): Promise<void> {
    const { disk, process, profile, random, oracle, stores } = this.#world;
    const journal = await openJournal({
      directory: '/journal',
      disk,
      clock: this.#clock,
      random,
      logger: this.#logger,
      segmentByteCount: profile.segmentByteCount,
      writerThread: 'this-thread',
      otherReaders: 'none',
      openState: () => this.#openState(),
      self: { pid: 1, started: process.name },
    });
    this.#journal = journal;
    oracle.checkRecovered(journal.reader.durableEnd, largest(stores.map(({ ledger }) => ledger.lastSequence)));
    const started = Promise.withResolvers<void>();
    if (this.#stopping.signal.aborted) return;
    this.#capturing = this.#capture(journal, () => started.resolve())
      .catch((thrown: unknown) => {
        if (!this.#stopping.signal.aborted) this.failure ??= thrown;
      })
      .finally(() => started.resolve());
    await started.promise;
    if (this.#stopping.signal.aborted || this.failure !== undefined) return;
    await this.#startLanes(journal);
  }

  /** As the capture worker does: a writer that broke is followed by another, which recovers first. */
  async #capture(journal: OpenedJournal, onStarted: () => void): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const error = await this.#captureOnce(journal, () => {
        attempt = 0;
        onStarted();
      });
      if (error === undefined || signal.aborted) return;
      if (error.policy === 'stop') throw error;
      this.#log.push(`${this.#clock.monotonicMs()} capture retries ${error.code} ${error.message}`);
      await this.#clock.sleep(planRetryDelayMs(retry, Math.max(1, attempt), this.#world.random.next()), signal);
    }
  }

  async #captureOnce(journal: OpenedJournal, onStarted: () => void): Promise<HeadwaterError | undefined> {
    const { profile, random } = this.#world;
    try {
      await using writer = await journal.openWriter();
      const source = createPostgresChangeSource({
        installation: 'simulator',
        slotName,
        publicationNames: [publicationName],
        tables: [],
        requiredTables: [],
        outboxTable: 'headwater.outbox',
        create: 'if-missing',
        canaryIntervalMs: profile.canaryIntervalMs,
        flushIntervalMs: profile.flushIntervalMs,
        statusIntervalMs: profile.statusIntervalMs,
        slotWaitMs: 60_000,
        startTimeoutMs: 60_000,
        byteLimits: profile.byteLimits,
        retry,
        recorder: writer,
        clock: this.#clock,
        random,
        logger: this.#logger,
        openReplication: this.sessions.openReplication,
        openCatalog: this.sessions.openCatalog,
      });
      this.#source = source;
      try {
        await source.start(this.#stopping.signal);
        onStarted();
        return await source.finished;
      } finally {
        await source.stop();
      }
    } catch (thrown) {
      return HeadwaterError.from(thrown);
    }
  }

  async #startLanes(journal: OpenedJournal): Promise<void> {
    const { stores, profile, random, process } = this.#world;
    const tail = new JournalTail({
      reader: journal.reader,
      createDecoder: () =>
        createPgoutputDecoder({ installation: 'simulator', outboxSchema: 'headwater', adoptedOutboxes: [] }),
      ringByteCountMax: profile.ringByteCountMax,
    });
    this.#lanes = stores.map(
      (store) =>
        new Lane({
          installation: 'simulator',
          laneName: store.kind,
          options: resolveLaneOptions(this.#laneOptions(store, process)),
          configuredNames: stores.map(({ kind }) => kind),
          reader: journal.reader,
          tail,
          states: journal.state,
          copies: () => noCopies,
          clock: this.#clock,
          random,
          logger: this.#logger,
        }),
    );
    await Promise.all(this.#lanes.map((lane) => lane.start(this.#stopping.signal)));
  }

  #laneOptions(store: SimulatedStore, process: SimulatedProcess): LaneOptions {
    const { profile } = this.#world;
    const isFiltering = profile.filtersEvents && store.kind === 'mirror';
    return {
      sink: store.definition(process),
      batch: { recordCountMax: profile.batchRecordCountMax, waitMs: profile.batchWaitMs },
      concurrencyMax: profile.concurrencyMax,
      retry,
      ...(isFiltering ? { filter: ({ kind }) => kind !== 'event' } : {}),
    };
  }

  /** Every checkpoint on its way to the disk is looked at. */
  #openState(): StateStore | 'locked' {
    const store = this.#world.state.open();
    if (store === 'locked') return store;
    return {
      ...store,
      write: (kind, name, text) => {
        this.#world.beforeCall(`a write of the state: ${kind} ${name}`);
        if (!this.#world.process.isAlive) return;
        const owner = this.#world.stores.find((one) => one.kind === name);
        if (kind === 'checkpoint') owner?.ledger.checkCheckpoint(decodeCheckpoint(text));
        store.write(kind, name, text);
      },
      change: (edits) => {
        this.#world.beforeCall(`a change of the state: ${edits[0]?.kind ?? 'nothing'} ${edits[0]?.name ?? ''}`);
        if (this.#world.process.isAlive) store.change(edits);
      },
      remove: (kind, name) => {
        this.#world.beforeCall(`a removal from the state: ${kind} ${name}`);
        if (this.#world.process.isAlive) store.remove(kind, name);
      },
    };
  }

  readonly #logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (event, fields) => this.#note(event, fields),
    error: (event, fields) => {
      this.#note(event, fields);
      if (!this.#stopping.signal.aborted) this.failure ??= new Error(`${event} ${show(fields)}`);
    },
  };

  #note(event: string, fields: LogFields | undefined): void {
    this.#log.push(`${this.#clock.monotonicMs()} ${event} ${show(fields)}`);
  }
}

function show(fields: LogFields | undefined): string {
  return Object.entries(fields ?? {})
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}

function largest(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most), 0n);
}
