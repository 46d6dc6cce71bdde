import { JournalTail } from '../delivery/journal-tail.ts';
import { Lane } from '../delivery/lane.ts';
import { replayLane, type ReplayRange } from '../delivery/replay.ts';
import { TokenPlaces } from '../delivery/token-places.ts';
import type { ParkedReport } from '../delivery/parking/parked-report.ts';
import type { LaneStatus } from '../delivery/lane-status.ts';
import { type Instant, systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { silentLogger, type Logger } from '../foundation/logger.ts';
import { systemRandom } from '../foundation/random.ts';
import type { OpenedJournal } from '../journal/embedded/open-journal.ts';
import type { BoundaryReader, BoundaryReport, Freshness, ReadyOptions } from '../model/freshness.ts';
import { toSequence } from '../model/position.ts';
import { buildStatus } from './build-status.ts';
import { CopyWatch } from './copy-watch.ts';
import type { CaptureSupervisor } from './capture-supervisor.ts';
import { CaptureThread } from './capture-thread.ts';
import { waitForCommitted } from './committed-place.ts';
import { resolveConfig } from './config.ts';
import { cleanUpLaneName } from './config-schema.ts';
import type { HeadwaterConfig, ResolvedConfig } from './config-types.ts';
import { createCapture } from './create-capture.ts';
import { FreshReads, sourcePlaceOf } from './fresh-reads.ts';
import { createConfiguredDecoder } from './journal-access.ts';
import { createCleanUpLane } from './outbox-clean-up.ts';
import { startHttpServer, type HttpServer } from './http-server.ts';
import { IndexLoop } from './index-loop.ts';
import { takeOwnJournal } from './open-own-journal.ts';
import { RetentionLoop } from './retention-loop.ts';
import { readSecret } from './secret.ts';
import type { AwaitedJournal, StandbyOptions } from './standby.ts';
import type { TakeoverReport } from './standby-report.ts';
import type { StatusReport } from './status-report.ts';
import { describeTakeover, markStop, takeStopMark } from './takeover.ts';

/** What a lane lets its owner do. */
export interface LaneControl {
  readonly name: string;
  status(): LaneStatus;
  /** Ends what is under way; the checkpoint stays and holds the journal. */
  pause(): Promise<void>;
  /** Goes on at the checkpoint, after a pause or a failure. */
  resume(): Promise<void>;
  /** The records that are parked, and what was dropped. */
  readonly parked: ParkedReport;
  /** Tries one parked record again, or all that failed; durable when it returns. @returns how many. @throws HW-LANE-016 */
  retryParked(id?: string): number;
  /** Gives a parked record up, with the reason on record; durable when it returns. @throws HW-LANE-016 */
  dropParked(id: string, reason: string): void;
  /** Resolves when everything that was durable at the call is acknowledged or parked. */
  drain(signal?: AbortSignal): Promise<void>;
}

/** A running Headwater. Its disposal is `stop`. */
export interface Headwater extends AsyncDisposable, BoundaryReader {
  /** Where HTTP is served; undefined with `http: false`. */
  readonly httpUrl: string | undefined;
  readonly lanes: readonly LaneControl[];
  /** @throws HW-SERVICE-005 for a name that no lane has */
  lane(name: string): LaneControl;
  status(): Promise<StatusReport>;
  /** How this process took over; undefined when it did not stand by. */
  readonly takeover: TakeoverReport | undefined;
  /** Resolves when the journal durably holds the transaction with this sequence. Rejects with `signal.reason` on cancel. */
  waitForSequence(sequence: bigint, signal?: AbortSignal): Promise<void>;
  /**
   * Delivers again to one lane what it has acknowledged from a transaction on, all of it and in order, and then what is new.
   * Resolves when it was begun, durably: a restart goes on with it. The lane's consumer sees older records again meanwhile.
   * @throws HW-SERVICE-005 for a name that no lane has, HW-LANE-012, -020, -021; the lane is then as it was
   */
  replay(laneName: string, from: bigint | 'beginning'): Promise<ReplayRange>;
  /**
   * Resolves when the store behind the lane shows everything that a version token stands for, also when nothing of it concerns the
   * lane and nothing follows.
   * @throws HW-TOKEN-001…005 and 007, HW-LANE-012 when the lane does not run, HW-SERVICE-005. Rejects with `signal.reason` on cancel.
   */
  readyFor(laneName: string, token: string, options?: ReadyOptions): Promise<Freshness>;
  /** Resolves when every lane has acknowledged what was durable at the call. */
  drain(signal?: AbortSignal): Promise<void>;
  /** Resolves when every lane has acknowledged what the source had committed at the call. @throws HW-SOURCE codes, as capture ends */
  catchUp(signal?: AbortSignal): Promise<void>;
  /**
   * Ends capture, then the lanes, then the rest. Idempotent. What was not acknowledged is delivered again at the next start.
   */
  stop(): Promise<void>;
  /** Resolves when capture has ended: with the error that ended it for good, or undefined after `stop`. Lanes go on meanwhile. */
  readonly captureEnded: Promise<HeadwaterError | undefined>;
}

/** How a start is cancelled. */
export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Stands by while another process of this host holds the journal, and takes over when that one ends, however it ends; the
   * start resolves then. Without it, a journal that is held is a refusal.
   */
  readonly standby?: StandbyOptions | undefined;
}

/**
 * Starts Headwater in this process: journal, capture in a worker thread, one lane for each sink, HTTP. Resolves when the
 * source streams and every lane delivers, waits for its sink, or has failed by name. Installs no signal handlers, prints
 * nothing, keeps no global state; a second start on the same journal is refused.
 * @throws HW-CONFIG, HW-JOURNAL, HW-SOURCE, HW-SERVICE codes, `signal.reason` on cancel; nothing is left running then
 */
export async function startHeadwater(config: HeadwaterConfig, options: StartOptions = {}): Promise<Headwater> {
  return await startResolved(resolveConfig(config), options);
}

/** As `startHeadwater`, for a configuration that was checked already. */
export async function startResolved(config: ResolvedConfig, options: StartOptions = {}): Promise<Headwater> {
  options.signal?.throwIfAborted();
  await using thread = new CaptureThread();
  const running = new RunningHeadwater(config, await takeOwnJournal(config, options), thread);
  try {
    await running.start(options.signal);
    return running;
  } catch (thrown) {
    await running.stop();
    options.signal?.throwIfAborted();
    throw thrown;
  }
}

/** Joins the parts. It decides nothing itself. */
class RunningHeadwater implements Headwater {
  readonly #config: ResolvedConfig;
  readonly #journal: OpenedJournal;
  readonly #logger: Logger;
  readonly #startedAt = new Date(systemClock.now());
  readonly #lanes: readonly Lane[];
  readonly #capture: CaptureSupervisor;
  readonly #retention: RetentionLoop;
  readonly #indexing: IndexLoop;
  readonly #tokens: TokenPlaces;
  readonly #fresh: FreshReads;
  readonly #before: AwaitedJournal['before'];
  readonly #stoppingSince: Instant | undefined;
  #takeover: TakeoverReport | undefined;
  #state: StatusReport['state'] = 'starting';
  readonly #copies = new CopyWatch({ report: () => this.#capture.report(), isAwaited: () => this.#awaitsCopies });
  #http: HttpServer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: ResolvedConfig, { journal, before }: AwaitedJournal, thread: CaptureThread) {
    this.#config = config;
    this.#before = before;
    this.#stoppingSince = takeStopMark(journal.state);
    this.#journal = journal;
    this.#logger = config.logger ?? silentLogger;
    this.#tokens = this.#createTokenPlaces();
    this.#lanes = this.#createLanes();
    this.#fresh = new FreshReads({ tokens: this.#tokens, lanes: this.#lanes, clock: systemClock });
    this.#capture = createCapture(config, { journal, thread, logger: this.#logger });
    const parts = { journal, lanes: this.#lanes, capture: this.#capture, clock: systemClock, logger: this.#logger };
    this.#retention = new RetentionLoop({ ...parts, config: config.journal });
    this.#indexing = new IndexLoop({ ...parts, quietByteCountMax: config.journal.segmentBytes });
  }

  get httpUrl(): string | undefined {
    return this.#http?.url;
  }
  get lanes(): readonly LaneControl[] {
    return this.#lanes;
  }

  get captureEnded(): Promise<HeadwaterError | undefined> {
    return this.#capture.finished;
  }

  get takeover(): TakeoverReport | undefined {
    return this.#takeover;
  }
  lane(name: string): LaneControl {
    return this.#findLane(name);
  }

  #findLane(name: string): Lane {
    const lane = this.#lanes.find((candidate) => candidate.name === name);
    if (lane !== undefined) return lane;
    const names = this.#lanes.map((candidate) => candidate.name).join(', ');
    throw new HeadwaterError('HW-SERVICE-005', `no lane is called "${name}"; there are: ${names}`);
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    await this.#startHttp();
    const abort = (): void => void this.#capture.stop();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#capture.start();
      await this.#learnSource();
      await Promise.all(this.#lanes.map((lane) => this.#startLane(lane, signal)));
      this.#requestCopies();
      signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    this.#state = 'running';
    this.#noteTakeover();
    this.#retention.start();
    this.#indexing.start();
    this.#copies.watch();
    void this.#capture.finished.then((error) => this.#noteCaptureEnd(error));
    this.#logger.info('service.started', { installation: this.#config.installation, http: this.httpUrl });
  }

  async status(): Promise<StatusReport> {
    const capture = await this.#capture.report();
    this.#copies.note(capture);
    const { pid, host, since, epoch } = this.#journal.holder;
    return buildStatus({
      config: this.#config,
      state: this.#state,
      startedAt: this.#startedAt,
      now: new Date(systemClock.now()),
      journalId: this.#journal.journalId,
      owner: { pid, host, since, epoch },
      takeover: this.#takeover,
      capture,
      extent: await this.#journal.reader.extent(),
      lanes: this.#lanes.map((lane) => lane.status()),
    });
  }

  async waitForSequence(sequence: bigint, signal?: AbortSignal): Promise<void> {
    await this.#journal.reader.waitBehind(toSequence(sequence - 1n), signal);
  }

  async replay(laneName: string, from: bigint | 'beginning'): Promise<ReplayRange> {
    const lane = this.#findLane(laneName);
    const { sink } = this.#config.lanes[laneName] ?? { sink: { kind: cleanUpLaneName } };
    const { reader } = this.#journal;
    const range = await this.#retention.without(() => replayLane(from, { lane, sink, reader }));
    this.#logger.warn('lane.replays', { lane: laneName, from: range.from, through: range.through });
    return range;
  }

  async readyFor(laneName: string, token: string, options?: ReadyOptions): Promise<Freshness> {
    return await this.#fresh.readyFor(this.#findLane(laneName), token, options);
  }

  readBoundaries(token: string): Promise<BoundaryReport> {
    return this.#fresh.readBoundaries(token);
  }

  async drain(signal?: AbortSignal): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.drain(signal)));
  }

  async catchUp(signal?: AbortSignal): Promise<void> {
    await waitForCommitted(this.#config, { tokens: this.#tokens, captureEnd: this.#capture.finished }, signal);
    await this.drain(signal);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.#state = 'stopping';
    this.#copies.stop();
    this.#logger.info('service.stopping');
    this.#markStop();
    await this.#retention.stop();
    await this.#capture.stop();
    await this.#indexing.stop();
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
    await this.#http?.[Symbol.asyncDispose]();
    await this.#journal[Symbol.asyncDispose]();
    this.#logger.info('service.stopped');
  }

  /** How long nothing is delivered is counted from here by whoever takes over. */
  #markStop(): void {
    try {
      markStop(this.#journal.state, systemClock.now());
    } catch (thrown) {
      // A stop goes on without it: the pause that is reported is then shorter than it was.
      this.#logger.warn('service.stop_not_marked', { error: HeadwaterError.from(thrown).message });
    }
  }

  #noteTakeover(): void {
    if (this.#before === undefined) return;
    this.#takeover = describeTakeover({
      before: this.#before,
      stoppingSince: this.#stoppingSince,
      now: systemClock.now(),
    });
    const { from, orderly, pauseMs } = this.#takeover;
    this.#logger.info('service.took_over', { from: from?.pid, orderly, pauseMs });
  }

  async #startHttp(): Promise<void> {
    const { http } = this.#config;
    if (http === false) return;
    const token = http.token === undefined ? undefined : await readSecret(http.token, 'http.token');
    this.#http = await startHttpServer({
      ...http,
      token,
      status: () => this.status(),
      lanes: this.#lanes,
      replay: (name, from) => this.replay(name, from),
      fresh: this.#fresh,
    });
  }

  /** Which tables are incomplete must be known before a lane says anything about its copy. */
  async #learnSource(): Promise<void> {
    const report = await this.#capture.report();
    this.#copies.note(report);
    for (const table of this.#copies.latest.uncopiedTables) {
      this.#logger.warn('source.table_incomplete', {
        table: `${table.schemaName}.${table.tableName}`,
        rowEstimate: table.rowEstimate,
        reason: table.reason,
      });
    }
  }

  /** Whether a view waits for the copy of its rows. */
  get #awaitsCopies(): boolean {
    const { lanes, source } = this.#config;
    const hasViews = Object.values(lanes).some(({ sink }) => sink.isRebuilt === true);
    if (!source.snapshot || !hasViews || this.#state !== 'running') return false;
    const { uncopiedTables } = this.#copies.latest;
    return uncopiedTables.length > 0 || this.#lanes.some(({ copyOrigin }) => copyOrigin !== undefined);
  }

  /** Lanes that begin with a copy are recorded by now; whether theirs was made is for the journal to say. */
  #requestCopies(): void {
    const requests = this.#lanes.flatMap(({ copyOrigin, originalName }) =>
      copyOrigin === undefined ? [] : [{ lane: originalName, origin: String(copyOrigin) }],
    );
    if (requests.length > 0) this.#capture.requestCopies(requests);
  }

  /** A lane that cannot start is failed by name; it takes nobody else with it. */
  async #startLane(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
    try {
      await lane.start(signal);
    } catch (thrown) {
      if (signal?.aborted === true) throw thrown;
      const error = HeadwaterError.from(thrown);
      this.#logger.error('lane.failed', { lane: lane.name, code: error.code, error: error.message, hint: error.hint });
    }
  }

  #noteCaptureEnd(error: HeadwaterError | undefined): void {
    if (error === undefined || this.#state === 'stopping') return;
    this.#state = 'failed';
    this.#logger.error('source.failed', { code: error.code, error: error.message, hint: error.hint });
  }

  #createTokenPlaces(): TokenPlaces {
    return new TokenPlaces({
      reader: this.#journal.reader,
      source: async () => sourcePlaceOf(await this.#capture.report()),
      requestProgress: (lsn) => this.#capture.requestProgress(lsn),
      clock: systemClock,
    });
  }

  #createLanes(): readonly Lane[] {
    const { installation, stopTimeoutMs } = this.#config;
    const cleanUp = createCleanUpLane(this.#config);
    const lanes = { ...this.#config.lanes, ...(cleanUp === undefined ? {} : { [cleanUpLaneName]: cleanUp }) };
    const tail = new JournalTail({
      reader: this.#journal.reader,
      createDecoder: () => createConfiguredDecoder(this.#config),
    });
    return Object.entries(lanes).map(
      ([laneName, options]) =>
        new Lane({
          installation,
          laneName,
          options,
          configuredNames: Object.keys(lanes),
          reader: this.#journal.reader,
          tail,
          states: this.#journal.state,
          copies: () => this.#copies.latest,
          tokens: this.#tokens,
          clock: systemClock,
          random: systemRandom,
          logger: this.#logger,
          stopTimeoutMs,
        }),
    );
  }
}
