import { systemClock, type Clock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { silentLogger } from '../../foundation/logger.ts';
import { systemRandom } from '../../foundation/random.ts';
import type { JournalRecord } from '../../model/journal-record.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import type { ChangeSource } from '../change-source.ts';
import { createPgoutputDecoder } from '../postgres/pgoutput/pgoutput-decoder.ts';
import { createPostgresChangeSource } from '../postgres/postgres-change-source.ts';
import { MessageFramer } from '../postgres/replication/message-framer.ts';
import { openReplicationConnection } from '../postgres/replication/pg-replication-connection.ts';
import type { ReplicationConnection } from '../postgres/replication/replication-connection.ts';
import { outputOffset } from '../postgres/replication/wire.ts';
import { openSnapshotSession } from '../postgres/snapshot/pg-snapshot-session.ts';
import type { PostgresSourceOptions } from '../postgres/source/source-options.ts';
import { openSourceCatalog } from '../postgres/source/sql-source-catalog.ts';
import type { MemoryRecorder, MemoryTransaction } from './memory-recorder.ts';

/** What a test says of its source; the rest is short intervals. */
export type SourceTestOptions = Partial<PostgresSourceOptions> & {
  readonly url: string;
  readonly slotName: string;
  readonly recorder: PostgresSourceOptions['recorder'];
  /** Older rows are copied. */
  readonly copies?: boolean;
};

/** A source of a real server, not started. */
export function createTestSource(options: SourceTestOptions): ChangeSource {
  const connection = { ...parseConnectionUrl(options.url), connectTimeoutMs: 5000 };
  return createPostgresChangeSource({
    installation: 'test',
    publicationNames: ['headwater'],
    tables: [],
    requiredTables: [],
    outboxTable: 'headwater.outbox',
    create: 'if-missing',
    canaryIntervalMs: 200,
    flushIntervalMs: 0,
    slotWaitMs: 10_000,
    startTimeoutMs: 10_000,
    statusIntervalMs: 100,
    retry: { initialDelayMs: 20, maxDelayMs: 200, maxAttempts: Number.POSITIVE_INFINITY },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    openReplication: (signal) => openReplicationConnection(connection, signal),
    openCatalog: (signal) => openSourceCatalog(connection, signal),
    ...(options.copies === true ? { openSnapshot: (signal) => openSnapshotSession(connection, signal) } : {}),
    ...options,
  });
}

/** A started source that is stopped at the end of the block. */
export async function startTestSource(options: SourceTestOptions): Promise<ChangeSource & AsyncDisposable> {
  const source = createTestSource(options);
  await source.start();
  return Object.assign(source, { [Symbol.asyncDispose]: () => source.stop() });
}

/** A source that can be killed: its connection ends at once, and nothing is flushed or confirmed any more. */
export interface MortalSource {
  readonly source: ChangeSource;
  /** Whether `cutAfterRowCount` rows came in and nothing more is let through. */
  readonly isCut: boolean;
  /** Resolves with what the recorder had made durable. */
  kill(): Promise<MemoryRecorder>;
}

/**
 * Starts a source on a memory recorder for a test that kills it. `cutAfterRowCount` ends the first connection once that many
 * row messages came in, in the middle of whatever they belong to.
 */
export async function startMortalSource(
  options: SourceTestOptions & { readonly recorder: MemoryRecorder; readonly cutAfterRowCount?: number },
): Promise<MortalSource> {
  const connection = parseConnectionUrl(options.url);
  const opened: ReplicationConnection[] = [];
  const cut = { rowsLeft: options.cutAfterRowCount ?? Number.POSITIVE_INFINITY };
  const source = createTestSource({
    ...options,
    openReplication: async (signal) => {
      const real = await openReplicationConnection(connection, signal);
      opened.push(real);
      return options.cutAfterRowCount === undefined ? real : cutAfterRows(real, cut);
    },
  });
  await source.start();
  return {
    source,
    get isCut() {
      return cut.rowsLeft <= 0;
    },
    async kill() {
      const survivor = options.recorder.crash();
      options.recorder.failFlushes(new HeadwaterError('HW-INTERNAL-003', 'killed'));
      await Promise.all(opened.map((one) => one.close()));
      await source.stop();
      return survivor;
    },
  };
}

/** Passes whole messages on until no more inserts, updates or deletes are left to pass; then nothing more. */
function cutAfterRows(connection: ReplicationConnection, cut: { rowsLeft: number }): ReplicationConnection {
  return {
    backendPid: connection.backendPid,
    serverVersion: connection.serverVersion,
    sessionSettings: connection.sessionSettings,
    identifySystem: () => connection.identifySystem(),
    createSlot: (slotName, tables) => connection.createSlot(slotName, tables),
    close: () => connection.close(),
    start: (start, listener) => {
      const framer = new MessageFramer();
      return connection.start(start, {
        closed: (error) => listener.closed(error),
        bytes: (bytes, isFull) =>
          framer.push(bytes, (message, from, to) => {
            if (cut.rowsLeft <= 0) return;
            const kind = String.fromCharCode(message[from] ?? 0, message[from + outputOffset] ?? 0);
            if (kind === 'dI' || kind === 'dU' || kind === 'dD') cut.rowsLeft -= 1;
            listener.bytes(message.slice(from, to), isFull);
          }),
      });
    },
  };
}

/** The error that a source's start ends with. */
export async function failToStart(options: SourceTestOptions): Promise<HeadwaterError> {
  const source = createTestSource(options);
  try {
    await source.start();
  } catch (thrown) {
    return thrown as HeadwaterError;
  } finally {
    await source.stop();
  }
  throw new Error('the source started');
}

/** Resolves when the condition holds; a test fails by `timeoutMs` with what it waited for. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 15_000,
  clock: Clock = systemClock,
): Promise<void> {
  const deadline = clock.monotonicMs() + timeoutMs;
  while (!(await condition())) {
    if (clock.monotonicMs() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await clock.sleep(5);
  }
}

/** The records of what a recorder made durable, transaction by transaction, by a decoder of their own. */
export function decodeTransactions(
  recorder: Pick<MemoryRecorder, 'durable'>,
  adoptedOutboxes: readonly { readonly schemaName: string; readonly tableName: string }[] = [],
): JournalRecord[][] {
  const decoder = createPgoutputDecoder({ installation: 'test', outboxSchema: 'headwater', adoptedOutboxes });
  return recorder.durable.transactions.map(({ body, boundary, fragments }: MemoryTransaction) =>
    boundary.xid === 0
      ? fragments.flatMap((one) => decoder.decodeBody(one.encoding, Buffer.concat(one.body), 0).records)
      : [...decoder.decodeBody('pgoutput-copy/1', body, 0).records],
  );
}

/** First column of every inserted row, in order. */
export function insertedIds(transactions: readonly (readonly JournalRecord[])[]): string[] {
  return transactions.flat().flatMap((record) => (record.kind === 'insert' ? [String(record.after[0])] : []));
}
