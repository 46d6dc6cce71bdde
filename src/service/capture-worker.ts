/**
 * The thread that reads the slot, appends to the journal and confirms. It owns the journal's writer and nothing else; its
 * end is the end of capture. Started by `capture-host.ts`, which speaks `capture-protocol.ts` with it.
 */
import { parentPort } from 'node:worker_threads';

import { openReplicationConnection } from '../capture/postgres/replication/pg-replication-connection.ts';
import { createPostgresChangeSource } from '../capture/postgres/postgres-change-source.ts';
import { sourceDefaults } from '../capture/postgres/source/source-options.ts';
import { openSourceCatalog } from '../capture/postgres/source/sql-source-catalog.ts';
import type { ChangeRecorder } from '../capture/change-recorder.ts';
import { openSnapshotSession } from '../capture/postgres/snapshot/pg-snapshot-session.ts';
import type { ChangeSource, LaneCopyRequest } from '../capture/change-source.ts';
import { assertInvariant } from '../foundation/assert.ts';
import { systemClock } from '../foundation/clock.ts';
import { HeadwaterError } from '../foundation/error.ts';
import type { Logger } from '../foundation/logger.ts';
import { nodeDisk } from '../foundation/node-disk.ts';
import { systemRandom } from '../foundation/random.ts';
import { defaultRetryPolicy, planRetryDelayMs } from '../foundation/retry.ts';
import { openJournalWriter } from '../journal/embedded/open-journal-writer.ts';
import { type ConnectionOptions, parseConnectionUrl } from '../postgres/connection-options.ts';
import type { CaptureAnswer, CaptureRequest } from './capture-protocol.ts';
import type { CaptureWorkerInput } from './capture-worker-input.ts';
import { fromPlainError, toPlainError } from './plain-error.ts';

const port = parentPort;
assertInvariant(port !== null, 'the capture worker runs in a worker thread');
const given = Promise.withResolvers<CaptureWorkerInput>();
const stopping = new AbortController();
const urls = new Map<number, PromiseWithResolvers<string>>();
let nextUrlId = 1;
let source: ChangeSource | undefined;
let copyRequests: readonly LaneCopyRequest[] = [];

const logger: Logger = {
  debug: (event, fields) => tell({ kind: 'log', level: 'debug', event, fields }),
  info: (event, fields) => tell({ kind: 'log', level: 'info', event, fields }),
  warn: (event, fields) => tell({ kind: 'log', level: 'warn', event, fields }),
  error: (event, fields) => tell({ kind: 'log', level: 'error', event, fields }),
};

port.on('message', receive);
const input = await given.promise;
const failure = await captureUntilStopped();
tell({ kind: 'finished', error: failure === undefined ? undefined : toPlainError(failure) });
port.close();

function tell(answer: CaptureAnswer): void {
  port?.postMessage(answer);
}

function receive(request: CaptureRequest): void {
  switch (request.kind) {
    case 'start':
      given.resolve(request.input);
      return;
    case 'report':
      if (source !== undefined) {
        const report = source.report();
        const error = report.error === undefined ? undefined : toPlainError(report.error);
        tell({ kind: 'report', id: request.id, report: { ...report, error } });
      }
      return;
    case 'copies':
      copyRequests = request.requests;
      source?.requestCopies(copyRequests);
      return;
    case 'progress':
      source?.requestProgress(request.lsn);
      return;
    case 'source-url':
      urls.get(request.id)?.resolve(request.url);
      return;
    case 'source-url-failed':
      urls.get(request.id)?.reject(fromPlainError(request.error));
      return;
    case 'stop':
      stopping.abort(new HeadwaterError('HW-INTERNAL-003', 'capture was stopped'));
  }
}

/**
 * One round for each writer: a writer that broke (a full disk, a failed flush) is never used again. The next one recovers
 * what is durable and the source is read from there. Resolves with the error that ends capture for good.
 */
async function captureUntilStopped(): Promise<HeadwaterError | undefined> {
  for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
    const error = await captureOnce(() => {
      attempt = 0;
    });
    if (error === undefined || stopping.signal.aborted) return undefined;
    if (error.policy === 'stop') return error;
    const delayMs = planRetryDelayMs(defaultRetryPolicy, Math.max(1, attempt), systemRandom.next());
    logger.warn('capture.retry', { code: error.code, error: error.message, attempt, delayMs });
    await systemClock.sleep(delayMs, stopping.signal).catch(() => undefined);
  }
  return undefined;
}

async function captureOnce(onStarted: () => void): Promise<HeadwaterError | undefined> {
  try {
    await using writer = await openJournalWriter({ input: input.journal, disk: nodeDisk, clock: systemClock });
    const running = createSource(writer);
    source = running;
    running.requestCopies(copyRequests);
    const stop = (): void => void running.stop();
    stopping.signal.addEventListener('abort', stop, { once: true });
    try {
      await running.start(stopping.signal);
      onStarted();
      tell({ kind: 'started' });
      return await running.finished;
    } finally {
      stopping.signal.removeEventListener('abort', stop);
      await running.stop();
    }
  } catch (thrown) {
    return HeadwaterError.from(thrown);
  }
}

function createSource(recorder: ChangeRecorder): ChangeSource {
  return createPostgresChangeSource({
    ...sourceDefaults,
    installation: input.installation,
    slotName: input.slotName,
    publicationNames: [input.publicationName],
    tables: input.tables,
    requiredTables: input.requiredTables,
    outboxTable: input.outboxTable,
    create: input.create,
    canaryIntervalMs: input.canaryIntervalMs,
    flushIntervalMs: input.flushIntervalMs,
    retry: defaultRetryPolicy,
    recorder,
    clock: systemClock,
    random: systemRandom,
    logger,
    openReplication: async (signal) => openReplicationConnection(await connectionOptions(), signal),
    openCatalog: async (signal) => openSourceCatalog(await connectionOptions(), signal),
    openSnapshot: input.snapshot ? async (signal) => openSnapshotSession(await connectionOptions(), signal) : undefined,
  });
}

async function connectionOptions(): Promise<ConnectionOptions> {
  const id = nextUrlId;
  nextUrlId += 1;
  const answer = Promise.withResolvers<string>();
  urls.set(id, answer);
  tell({ kind: 'source-url-wanted', id });
  try {
    return parseConnectionUrl(await answer.promise);
  } finally {
    urls.delete(id);
  }
}
