import { HeadwaterError } from '../../foundation/error.ts';
import { planRetryDelayMs } from '../../foundation/retry.ts';
import { formatLsn, type Lsn, lsnZero } from '../../model/lsn.ts';
import type { ChangeSource, LaneCopyRequest } from '../change-source.ts';
import type { SourceReport, SourceState } from '../source-report.ts';
import type { ReplicationConnection } from './replication/replication-connection.ts';
import type { StreamPositions } from './replication/stream-core.ts';
import { planReconnectDelayMs } from './reconnect-delay.ts';
import { noStreamCounts, type StreamCounts } from './replication/stream-counts.ts';
import { StreamSession, type StreamLimits } from './replication/stream-session.ts';
import { acceptSource, prepareSource, type PreparedSource, type SourceSessions } from './source/prepare-source.ts';
import { explainStreamError } from './source/explain-stream-error.ts';
import type { SourceCatalog } from './source/source-catalog.ts';
import { streamByteLimits, type PostgresSourceOptions } from './source/source-options.ts';
import { SourceWatch, type WatchedSource } from './source/source-watch.ts';
import { SnapshotRunner } from './snapshot/snapshot-runner.ts';

/** Creates the source of one PostgreSQL database. Nothing is opened before `start`. */
export function createPostgresChangeSource(options: PostgresSourceOptions): ChangeSource {
  return new PostgresChangeSource(options);
}

/**
 * Captures a database: connects, checks that the source is the one that was recorded, streams, and connects again when the
 * connection is lost. The recorder is used by this source alone; it is flushed before each comparison with the server, so
 * that what was appended counts as recorded.
 */
class PostgresChangeSource implements ChangeSource {
  readonly #options: PostgresSourceOptions;
  readonly #abort = new AbortController();
  readonly #finished = Promise.withResolvers<HeadwaterError | undefined>();
  readonly #started = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #state: SourceState = 'starting';
  #error: HeadwaterError | undefined;
  #session: StreamSession | undefined;
  #catalog: SourceCatalog | undefined;
  readonly #watch: SourceWatch;
  readonly #snapshots: SnapshotRunner | undefined;
  #prepared: PreparedSource | undefined;
  #positions: StreamPositions | undefined;
  #reconnectCount = 0;
  /** What was waited for last. */
  #wantedLsn: Lsn = lsnZero;
  #isMarking = false;
  #counts: StreamCounts = noStreamCounts;

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    const { openSnapshot } = options;
    this.#snapshots =
      openSnapshot === undefined
        ? undefined
        : new SnapshotRunner({ ...options, openSession: openSnapshot, outboxTables: outboxTablesOf(options) });
    this.#watch = new SourceWatch(options, () => this.#snapshots?.wake());
  }

  get finished(): Promise<HeadwaterError | undefined> {
    return this.#finished.promise;
  }

  /**
   * Resolves when the stream runs. A server that cannot be reached is tried until `startTimeoutMs` is over.
   * @throws HW-SOURCE codes, HW-JOURNAL codes of the recorder; `signal.reason` on cancel.
   */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const cancel = (): void => this.#abort.abort(signal?.reason);
    signal?.addEventListener('abort', cancel, { once: true });
    this.#running ??= this.#run();
    try {
      await this.#started.promise;
    } catch (thrown) {
      await this.#running;
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async stop(): Promise<void> {
    await this.#session?.stop();
    this.#abort.abort(new HeadwaterError('HW-INTERNAL-003', 'the source was stopped'));
    if (this.#running === undefined) {
      this.#state = 'stopped';
      this.#finished.resolve(undefined);
    }
    await this.#running;
  }

  requestCopies(requests: readonly LaneCopyRequest[]): void {
    this.#snapshots?.request(requests);
  }

  requestProgress(lsn: Lsn): void {
    this.#session?.requestProgress(lsn);
    if (lsn <= this.#wantedLsn) void this.#writeMark();
    else this.#wantedLsn = lsn;
  }

  /** One at a time. A mark that cannot be written is no error: what is waited for comes with the next flush of the server. */
  async #writeMark(): Promise<void> {
    const catalog = this.#catalog;
    if (this.#isMarking || catalog?.isOpen !== true || this.#prepared?.server.mayEmit !== true) return;
    this.#isMarking = true;
    try {
      await catalog.writeMark();
    } catch (thrown) {
      const error = HeadwaterError.from(thrown);
      this.#options.logger.warn('source mark not written', { code: error.code, error: error.message });
    }
    this.#isMarking = false;
  }

  report(): SourceReport {
    const { slotName, publicationNames, recorder } = this.#options;
    const positions = this.#session?.positions ?? this.#positions;
    const counts = this.#session?.counts;
    const total = (name: keyof StreamCounts): number => this.#counts[name] + (counts?.[name] ?? 0);
    return {
      state: this.#state,
      slotName,
      publicationNames,
      systemId: this.#prepared?.system.systemId ?? recorder.state.source?.systemId,
      timeline: this.#prepared?.system.timeline ?? recorder.state.source?.timeline,
      serverVersion: this.#prepared?.server.versionText,
      receivedLsn: positions?.receivedLsn,
      durableLsn: positions?.durableLsn,
      confirmedLsn: positions?.confirmedLsn,
      ...this.#watch.report(),
      transactionCount: total('transactions'),
      recordCount: total('records'),
      duplicateCount: total('duplicates'),
      withoutRecordsCount: total('withoutRecords'),
      forgedMessageCount: total('forgedMessages'),
      receivedByteCount: total('receivedBytes'),
      reconnectCount: this.#reconnectCount,
      uncopiedTables: recorder.state.source?.uncopiedTables ?? [],
      copies: this.#snapshots?.reports ?? [],
      copiedThrough: recorder.state.source?.copiedThrough,
      copiedLanes: recorder.state.source?.copiedLanes ?? [],
      error: this.#error,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.#stream(signal);
      this.#state = 'stopped';
      this.#started.reject(signal.reason);
      this.#finished.resolve(undefined);
    } catch (thrown) {
      if (signal.aborted) {
        this.#state = 'stopped';
        this.#started.reject(signal.reason);
        this.#finished.resolve(undefined);
      } else {
        this.#error = HeadwaterError.from(thrown);
        this.#state = 'failed';
        this.#options.logger.error('source failed', { code: this.#error.code, error: this.#error.message });
        this.#started.reject(this.#error);
        this.#finished.resolve(this.#error);
      }
    } finally {
      this.#started.promise.catch(() => undefined);
    }
  }

  /** The component's main loop: one round for each connection. */
  async #stream(signal: AbortSignal): Promise<void> {
    const { clock, logger, random, retry } = this.#options;
    const startedMs = clock.monotonicMs();
    const slot: { waitingSinceMs: number | undefined } = { waitingSinceMs: undefined };
    let hasStarted = false;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const error = await this.#connectOnce(signal, () => {
        hasStarted = true;
        attempt = 0;
        slot.waitingSinceMs = undefined;
      });
      if (error === undefined || signal.aborted) return;
      if (!this.#isWorthRetrying(error, slot)) throw error;
      const isStartOver = !hasStarted && clock.monotonicMs() - startedMs >= this.#options.startTimeoutMs;
      if (isStartOver && error.code !== 'HW-SOURCE-012') throw error;
      this.#error = error;
      if (hasStarted) this.#state = 'reconnecting';
      this.#reconnectCount += hasStarted ? 1 : 0;
      const delayMs = planReconnectDelayMs(retry, { attempt, chance: random.next(), error });
      logger.warn('source connection lost', { code: error.code, error: error.message, attempt, delayMs });
      await clock.sleep(delayMs, signal);
    }
  }

  /** A slot in use is waited for: its holder may be a walsender that has not noticed the end of its reader. */
  #isWorthRetrying(error: HeadwaterError, slot: { waitingSinceMs: number | undefined }): boolean {
    if (error.code !== 'HW-SOURCE-012') return error.policy === 'retry';
    const nowMs = this.#options.clock.monotonicMs();
    slot.waitingSinceMs ??= nowMs;
    return nowMs - slot.waitingSinceMs < this.#options.slotWaitMs;
  }

  /** Connects, checks and streams until the connection ends. Undefined after a stop. */
  async #connectOnce(signal: AbortSignal, onStreaming: () => void): Promise<HeadwaterError | undefined> {
    const { openCatalog, openReplication, recorder } = this.#options;
    // What an earlier connection appended must count as recorded before anything is compared.
    await recorder.flush();
    let replication: ReplicationConnection | undefined;
    const close = (): void => {
      void replication?.close();
      void this.#catalog?.close();
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      const catalog = await openCatalog(signal);
      this.#catalog = catalog;
      replication = await openReplication(signal);
      signal.throwIfAborted();
      const error = await this.#streamOnce({ replication, catalog }, onStreaming);
      return error === undefined ? undefined : await explainStreamError(error, catalog, this.#options);
    } catch (thrown) {
      const error = HeadwaterError.from(thrown);
      const catalog = this.#catalog;
      return catalog?.isOpen === true ? await explainStreamError(error, catalog, this.#options) : error;
    } finally {
      signal.removeEventListener('abort', close);
      await this.#endSession();
      await replication?.close();
      // The session for catalogs may be dead on the same path without showing it: each round has its own.
      await this.#catalog?.close();
      this.#catalog = undefined;
    }
  }

  async #streamOnce(sessions: SourceSessions, onStreaming: () => void): Promise<HeadwaterError | undefined> {
    const { logger, recorder } = this.#options;
    const prepared = await prepareSource(this.#options, sessions);
    // A stop found no session to end so far; from here on it finds one.
    this.#abort.signal.throwIfAborted();
    this.#prepared = prepared;
    const session = this.#createSession(sessions.replication, prepared);
    this.#session = session;
    await session.open();
    const { slotLsn, record } = await acceptSource(this.#options, sessions, prepared);
    if (record !== undefined) {
      recorder.recordSource(record.identity, record.startLsn, 'initial');
      await recorder.flush();
    }
    const ended = session.run(slotLsn);
    this.#state = 'streaming';
    this.#error = undefined;
    onStreaming();
    this.#watch.begin({ catalog: sessions.catalog, session, prepared });
    this.#started.resolve();
    logger.info('source streams', { slot: this.#options.slotName, from: formatLsn(slotLsn) });
    const copying = new AbortController();
    const copies = this.#copy({ session, catalog: sessions.catalog, prepared }, copying.signal);
    const error = await ended;
    copying.abort(new HeadwaterError('HW-INTERNAL-003', 'the stream ended'));
    await copies;
    return error;
  }

  /** Copies older rows beside the stream. What fails is tried again as long as the stream runs. */
  async #copy({ session, catalog, prepared }: WatchedSource, signal: AbortSignal): Promise<void> {
    const { clock, logger, random, retry } = this.#options;
    const writeMark = async (): Promise<void> => {
      if (prepared.server.mayEmit) await catalog.writeMark();
    };
    for (let attempt = 1; !signal.aborted && this.#snapshots !== undefined; attempt += 1) {
      try {
        await this.#snapshots.run({ session, writeMark }, signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const error = HeadwaterError.from(thrown);
        const delayMs = planRetryDelayMs(retry, attempt, random.next());
        logger.warn('snapshot.failed', { code: error.code, error: error.message, attempt, delayMs });
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
  }

  #createSession(replication: ReplicationConnection, prepared: PreparedSource): StreamSession {
    const { clock, logger, publicationNames, random, recorder, slotName } = this.#options;
    return new StreamSession({
      connection: replication,
      recorder,
      start: { slotName, publicationNames },
      limits: planStreamLimits(this.#options, prepared.system.walSenderTimeoutMs),
      id: Buffer.from(random.bytes(6)).toString('hex'),
      clock,
      logger,
      onCanary: (content) => this.#watch.canarySeen(content),
    });
  }

  async #endSession(): Promise<void> {
    this.#watch.end();
    const session = this.#session;
    if (session === undefined) return;
    await session.end();
    this.#positions = session.positions ?? this.#positions;
    this.#session = undefined;
    const { counts } = session;
    if (counts === undefined) return;
    this.#counts = {
      transactions: this.#counts.transactions + counts.transactions,
      records: this.#counts.records + counts.records,
      duplicates: this.#counts.duplicates + counts.duplicates,
      withoutRecords: this.#counts.withoutRecords + counts.withoutRecords,
      forgedMessages: this.#counts.forgedMessages + counts.forgedMessages,
      receivedBytes: this.#counts.receivedBytes + counts.receivedBytes,
    };
  }
}

function outboxTablesOf({ outboxTable, requiredTables }: PostgresSourceOptions): readonly string[] {
  return [outboxTable, ...requiredTables];
}

/** Flushes of a backlog start no closer than this: 5 ms gather some hundred small transactions. `npm run bench -- capture`. */
const floodFlushIntervalMs = 5;

/** Statuses at a third of the server's patience at most; a silence of twice its patience is the end of a connection. */
export function planStreamLimits(
  options: Pick<PostgresSourceOptions, 'byteLimits' | 'flushIntervalMs' | 'statusIntervalMs'>,
  walSenderTimeoutMs: number,
): StreamLimits {
  const patienceMs = walSenderTimeoutMs === 0 ? 60_000 : walSenderTimeoutMs;
  const statusIntervalMs = Math.max(1, Math.min(options.statusIntervalMs, Math.floor(patienceMs / 3)));
  return {
    intervalMs: options.flushIntervalMs,
    floodIntervalMs: floodFlushIntervalMs,
    ...(options.byteLimits ?? streamByteLimits),
    statusIntervalMs,
    livenessTimeoutMs: Math.max(2 * patienceMs, 3 * statusIntervalMs),
  };
}
