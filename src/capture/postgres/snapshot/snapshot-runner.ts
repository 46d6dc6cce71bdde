import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { Logger } from '../../../foundation/logger.ts';
import type { CopyProgress, UncopiedTable } from '../../../model/source-identity.ts';
import type { ChangeRecorder } from '../../change-recorder.ts';
import { encodeSnapshotFragment, parseCopyLine } from '../../snapshot-rows.ts';
import type { LaneCopyRequest } from '../../change-source.ts';
import type { CopyReport } from '../../source-report.ts';
import type { CutStream } from '../replication/cut-stream.ts';
import type { StreamSession } from '../replication/stream-session.ts';
import { PaceKeeper, planRestMs } from './copy-pace.ts';
import {
  chunkRowsMax,
  firstChunkRows,
  keylessRowsMax,
  planChunkRows,
  progressOf,
  refuseCopy,
  refuseKeyless,
  splitMovedKeys,
  withLaneCopy,
  withoutUncopied,
} from './copy-plan.ts';
import { toFragments } from './row-fragments.ts';
import type {
  CopiedRows,
  CopyTable,
  KeyRange,
  SnapshotConnector,
  SnapshotSession,
  TakenSnapshot,
} from './snapshot-session.ts';

/** What a runner works with. Everything is lent. */
export interface SnapshotRunnerOptions {
  readonly recorder: ChangeRecorder;
  readonly publicationNames: readonly string[];
  /** `schema.table` of outboxes: their rows are events of the past, and no rows to copy. */
  readonly outboxTables: readonly string[];
  readonly openSession: SnapshotConnector;
  /** Default `chunkRowsMax`. */
  readonly chunkRowsMax?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where a snapshot joins the stream. */
export interface SnapshotStream {
  readonly session: Pick<StreamSession, 'cutStream' | 'record'>;
  /** Commits something, so that the stream passes the snapshot soon. Without the right to, keepalives tell it later. */
  readonly writeMark: () => Promise<void>;
}

/** Tables that are copied at the same time. */
const parallelTables = 2;
const cutTimeoutMs = 20_000;
/** A table that cannot be copied is looked at again: somebody may have granted a right or made a key. */
const refusalPauseMs = 30_000;
const progressIntervalMs = 5000;
const retryPauseMsMax = 200;

const wholeTable: KeyRange = { after: [], through: undefined };

/** One table of a round and what its session reads. */
interface CopyTask {
  readonly uncopied: UncopiedTable;
  readonly progress: CopyProgress;
  readonly session: SnapshotSession;
}

/**
 * Copies what the recorded source lacks, chunk by chunk, each at its own place among the commits. One transaction of ours is
 * open for the time of a chunk. Progress is recorded with the rows, so a copy goes on behind its last chunk after a kill.
 */
export class SnapshotRunner {
  readonly #options: SnapshotRunnerOptions;
  readonly #reports = new Map<string, CopyReport>();
  readonly #refusedUntilMs = new Map<string, number>();
  readonly #begun = new Map<string, { readonly atMs: number; readonly rowCount: number }>();
  readonly #chunkRows = new Map<string, number>();
  readonly #paceKeeper = new PaceKeeper();
  /** Moved rows wait to be read again. */
  #isBehind = false;
  #sessions: SnapshotSession[] = [];
  #loggedMs: number | undefined;
  #requests: readonly LaneCopyRequest[] = [];
  #woken = Promise.withResolvers<void>();

  constructor(options: SnapshotRunnerOptions) {
    this.#options = options;
  }

  /** Of the copies that are to be made and those that were, since this process began. */
  get reports(): readonly CopyReport[] {
    return [...this.#reports.values()];
  }

  /** Copies until the signal aborts, whenever there is something to copy. Rejects with what the source throws. */
  async run(stream: SnapshotStream, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    try {
      while (!signal.aborted) {
        this.#takeRequests(stream);
        const work = this.#plan();
        if (work.length === 0) {
          await this.#closeSessions();
          await this.#waitForWork(signal);
          continue;
        }
        const startedMs = clock.monotonicMs();
        const isPlaced = await this.#round(stream, work, signal);
        failures = isPlaced ? 0 : failures + 1;
        const round = { durationMs: clock.monotonicMs() - startedMs, isBehind: this.#isBehind };
        const restMs = planRestMs(round, this.#paceKeeper.pace);
        const pauseMs = isPlaced ? restMs : Math.min(2 ** failures, retryPauseMsMax);
        if (pauseMs > 0) await clock.sleep(pauseMs, signal);
      }
    } finally {
      stream.session.cutStream?.openGate();
      await this.#closeSessions();
    }
  }

  /** Has the tables copied for lanes that were added. */
  request(requests: readonly LaneCopyRequest[]): void {
    this.#requests = [...this.#requests, ...requests];
    this.wake();
  }

  /** Something may be there to copy, also what was refused before. */
  wake(): void {
    this.#refusedUntilMs.clear();
    this.#woken.resolve();
  }

  #takeRequests({ session }: SnapshotStream): void {
    const { outboxTables, recorder } = this.#options;
    this.#requests = this.#requests.filter((request) => {
      const identity = recorder.appendedSource;
      const next = identity === undefined ? undefined : withLaneCopy(identity, request, outboxTables);
      if (next === undefined) return false;
      // Inside a transaction it waits for the next round.
      return !session.record((target) => target.recordSource(next, recorder.state.sourceStartLsn, 'tables-changed'));
    });
  }

  /** Until somebody wakes it, or a table that could not be copied, or a request, is to be looked at again. */
  async #waitForWork(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const pauses = [...this.#refusedUntilMs.values()].map((untilMs) => Math.max(0, untilMs - clock.monotonicMs()));
    if (this.#requests.length > 0) pauses.push(retryPauseMsMax);
    const isOver = new AbortController();
    const stop = (): void => isOver.abort();
    signal.addEventListener('abort', stop, { once: true });
    const timer = pauses.length === 0 ? undefined : clock.setTimer(Math.min(...pauses) + 1, stop);
    isOver.signal.addEventListener('abort', () => this.#woken.resolve(), { once: true });
    if (signal.aborted) stop();
    await this.#woken.promise;
    this.#woken = Promise.withResolvers();
    timer?.clear();
    signal.removeEventListener('abort', stop);
  }

  /** The tables of the next round. What cannot be copied is reported and left for a while. */
  #plan(): readonly UncopiedTable[] {
    const { clock, outboxTables, recorder } = this.#options;
    const nowMs = clock.monotonicMs();
    const tables = recorder.appendedSource?.uncopiedTables ?? [];
    return tables
      .filter((table) => !outboxTables.includes(`${table.schemaName}.${table.tableName}`))
      .filter((table) => (this.#refusedUntilMs.get(keyOf(table)) ?? 0) <= nowMs)
      .slice(0, parallelTables);
  }

  /** One snapshot and a chunk of each table. False: the snapshot has no place among the commits. */
  async #round(stream: SnapshotStream, work: readonly UncopiedTable[], signal: AbortSignal): Promise<boolean> {
    const { recorder } = this.#options;
    const sessions = await this.#openSessions(work.length, signal);
    const [leader] = sessions;
    const { cutStream } = stream.session;
    if (leader === undefined || cutStream === undefined) return false;
    cutStream.closeGate();
    try {
      const snapshot = await leader.take();
      this.#paceKeeper.note(snapshot.cut.xmax, this.#options.clock.monotonicMs());
      if (!(await this.#reach(cutStream, stream, snapshot))) return false;
      signal.throwIfAborted();
      const tasks = work.map((uncopied, index): CopyTask => {
        // The copy may have gone on since the last flush: what was appended counts, durable or not.
        const progress = progressOf(recorder.appendedCopies, uncopied);
        return { uncopied, progress, session: sessions[index] ?? leader };
      });
      for (const session of sessions.slice(1)) await session.join(snapshot.snapshotId);
      const names = work.map((table) => `${table.schemaName}.${table.tableName}`);
      const tables = await leader.describe(names, this.#options.publicationNames);
      const chunks = await Promise.all(
        tasks.map(
          async (task) => await this.#read(task, tables.get(`${task.uncopied.schemaName}.${task.uncopied.tableName}`)),
        ),
      );
      signal.throwIfAborted();
      for (const chunk of chunks) if (chunk !== undefined) this.#append(stream, chunk, snapshot);
      this.#isBehind = chunks.some((chunk) => chunk !== undefined && chunk.movedLater.length > 0);
      return true;
    } finally {
      cutStream.openGate();
      await Promise.all(sessions.map(async (session) => await session.end()));
    }
  }

  async #reach(cutStream: CutStream, { writeMark }: SnapshotStream, { cut }: TakenSnapshot): Promise<boolean> {
    const { clock } = this.#options;
    const reached = cutStream.reach(cut);
    await writeMark();
    const timer = clock.setTimer(cutTimeoutMs, () => cutStream.openGate());
    try {
      return (await reached) === 'fit';
    } finally {
      timer.clear();
    }
  }

  async #read(task: CopyTask, table: CopyTable | undefined): Promise<Chunk | undefined> {
    const { clock, chunkRowsMax: rowsMax = chunkRowsMax } = this.#options;
    const key = keyOf(task.uncopied);
    const refusal = refuseCopy(table);
    if (refusal !== undefined || table === undefined) return this.#refuse(task, table, refusal?.reason ?? '');
    const isKeyless = table.keyColumns.length === 0;
    const limit = isKeyless ? keylessRowsMax + 1 : Math.min(this.#chunkRows.get(key) ?? firstChunkRows, rowsMax);
    const startedMs = clock.monotonicMs();
    const moved = splitMovedKeys(task.progress);
    const movedRows = moved.now.length === 0 ? undefined : await task.session.copyByKeys(table, moved.now);
    const range = isKeyless ? wholeTable : await this.#rangeOf(task, table);
    const rows = await task.session.copy(table, range, limit);
    const durationMs = clock.monotonicMs() - startedMs;
    this.#chunkRows.set(key, planChunkRows(limit, { ...rows, durationMs }, this.#paceKeeper.pace.chunkTargetMs));
    const tooLarge = isKeyless ? refuseKeyless(rows) : undefined;
    if (tooLarge !== undefined) return this.#refuse(task, table, tooLarge.reason);
    const isLast = isKeyless || (rows.rowCount < limit && moved.later.length === 0);
    return { task, table, range, rows, movedRows, movedLater: moved.later, isLast };
  }

  /**
   * What is left to copy. Its end is fixed when it begins: rows that come to lie behind it are in the stream, so that a table
   * which grows faster than it is read is copied all the same.
   */
  async #rangeOf({ progress: { endKey, lastKey }, session }: CopyTask, table: CopyTable): Promise<KeyRange> {
    if (lastKey.length > 0) return { after: lastKey, through: endKey };
    return { after: [], through: keyOfLastRow(table, await session.copyLast(table)) };
  }

  #refuse(task: CopyTask, table: CopyTable | undefined, reason: string): undefined {
    const { clock, logger } = this.#options;
    const key = keyOf(task.uncopied);
    const before = this.#reports.get(key);
    this.#report(task, table, { state: 'refused', reason });
    if (before?.reason !== reason) logger.error('snapshot.refused', { table: nameOf(task.uncopied), reason });
    this.#refusedUntilMs.set(key, clock.monotonicMs() + refusalPauseMs);
  }

  #append(stream: SnapshotStream, chunk: Chunk, snapshot: TakenSnapshot): void {
    const { logger, recorder } = this.#options;
    const { isLast, movedLater, movedRows, range, rows, table, task } = chunk;
    const { uncopied } = task;
    const { movedKeys: _, ...before } = task.progress;
    const progress: CopyProgress = {
      ...before,
      ...(range.through === undefined ? {} : { endKey: range.through }),
      lastKey: keyOfLastRow(table, rows) ?? before.lastKey,
      rowCount: before.rowCount + rows.rowCount + (movedRows?.rowCount ?? 0),
      ...(movedLater.length === 0 ? {} : { movedKeys: movedLater }),
    };
    const { lanes } = uncopied;
    const head = { table: table.table, ...(lanes === undefined ? {} : { lanes }) };
    const isWhole = table.keyColumns.length === 0;
    const slices = [...(movedRows?.slices ?? []), ...rows.slices];
    const fragments = toFragments({ slices }, (slices, count, index) =>
      encodeSnapshotFragment(isWhole && index === 0 ? { ...head, isWhole } : head, slices, count),
    );
    // A table that is empty by now may have rows in a lane.
    if (isWhole && fragments.length === 0) fragments.push(encodeSnapshotFragment({ ...head, isWhole }, [], 0));
    const isRecorded = stream.session.record((target) => {
      const sequence = target.appendSnapshotChunk({ fragments, progress, readTimeMicros: snapshot.readTimeMicros });
      const identity = target.appendedSource;
      if (!isLast || identity === undefined) return;
      target.recordSource(
        withoutUncopied(identity, uncopied, sequence),
        recorder.state.sourceStartLsn,
        'tables-changed',
      );
    });
    if (!isRecorded) return;
    this.#report({ ...task, progress }, table, { state: isLast ? 'done' : 'copying' });
    this.#logProgress(uncopied, isLast);
    if (isLast) logger.info('snapshot.table_done', { table: nameOf(uncopied), rowCount: progress.rowCount });
  }

  #report(task: CopyTask, table: CopyTable | undefined, outcome: Pick<CopyReport, 'state' | 'reason'>): void {
    const key = keyOf(task.uncopied);
    const nowMs = this.#options.clock.monotonicMs();
    const { lanes, schemaName, tableName } = task.uncopied;
    const { rowCount } = task.progress;
    const begun = this.#begun.get(key) ?? { atMs: nowMs, rowCount };
    this.#begun.set(key, begun);
    const seconds = (nowMs - begun.atMs) / 1000;
    this.#reports.set(key, {
      schemaName,
      tableName,
      lanes,
      rowCount,
      rowEstimate: table?.rowEstimate ?? task.uncopied.rowEstimate,
      rowsPerSecond: seconds > 0 ? Math.round((rowCount - begun.rowCount) / seconds) : 0,
      ...outcome,
    });
  }

  /** For whoever watches the log: a long copy says every few seconds how far it is. */
  #logProgress(uncopied: UncopiedTable, isLast: boolean): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    const report = this.#reports.get(keyOf(uncopied));
    if (isLast || report === undefined || nowMs - (this.#loggedMs ?? 0) < progressIntervalMs) return;
    this.#loggedMs = nowMs;
    const { rowCount, rowEstimate, rowsPerSecond } = report;
    logger.info('snapshot.progress', { table: nameOf(uncopied), rowCount, rowEstimate, rowsPerSecond });
  }

  async #openSessions(count: number, signal: AbortSignal): Promise<readonly SnapshotSession[]> {
    while (this.#sessions.length < count) this.#sessions.push(await this.#options.openSession(signal));
    return this.#sessions.slice(0, count);
  }

  async #closeSessions(): Promise<void> {
    const sessions = this.#sessions;
    this.#sessions = [];
    await Promise.all(sessions.map(async (session) => await session.close()));
  }
}

interface Chunk {
  readonly task: CopyTask;
  readonly table: CopyTable;
  readonly range: KeyRange;
  readonly rows: CopiedRows;
  /** Rows that were moved to where the copy has been. */
  readonly movedRows: CopiedRows | undefined;
  readonly movedLater: readonly (readonly string[])[];
  readonly isLast: boolean;
}

function keyOf({ lanes, schemaName, tableName }: Pick<UncopiedTable, 'schemaName' | 'tableName' | 'lanes'>): string {
  return JSON.stringify([schemaName, tableName, lanes ?? null]);
}

function nameOf({ schemaName, tableName }: UncopiedTable): string {
  return `${schemaName}.${tableName}`;
}

/** @throws HW-CAPTURE-002 for a row without a value in its key, which PostgreSQL does not have */
function keyOfLastRow(table: CopyTable, { lastLine }: CopiedRows): readonly string[] | undefined {
  if (lastLine === undefined) return undefined;
  const row = parseCopyLine(new TextDecoder().decode(lastLine));
  return table.keyColumns.map(({ index, name }) => {
    const value = row[index];
    if (typeof value === 'string') return value;
    throw new HeadwaterError(
      'HW-CAPTURE-002',
      `a row of ${table.table.tableName} has no value in its key column ${name}`,
    );
  });
}
