import type { Clock } from '../../../foundation/clock.ts';
import type { Logger } from '../../../foundation/logger.ts';
import type { Random } from '../../../foundation/random.ts';
import type { RetryPolicy } from '../../../foundation/retry.ts';
import type { ChangeRecorder } from '../../change-recorder.ts';
import type { ReplicationConnector } from '../replication/replication-connection.ts';
import type { StreamLimits } from '../replication/stream-session.ts';
import type { SnapshotConnector } from '../snapshot/snapshot-session.ts';
import type { CatalogConnector } from './source-catalog.ts';

/** Everything that capture from one PostgreSQL database needs. Validated and defaulted before; read once, at the start. */
export interface PostgresSourceOptions {
  /** Part of canary messages. */
  readonly installation: string;
  readonly slotName: string;
  readonly publicationNames: readonly string[];
  /** `schema.table` of what a missing publication is created with. Empty: events by message only. */
  readonly tables: readonly string[];
  /** `schema.table` of what must be published, or capture is refused: adopted outbox tables. */
  readonly requiredTables: readonly string[];
  /** `schema.table` of Headwater's own outbox. Published with the rest when a publication is created and the table is there. */
  readonly outboxTable: string;
  /** `if-missing`: slot and publication are created. `never`: the error says by which SQL. */
  readonly create: 'if-missing' | 'never';
  /** Milliseconds between canary messages and looks at the slot; `false` for no canaries. Default 10,000. */
  readonly canaryIntervalMs: number | false;
  /** Flushes of the recorder start no closer than this. Default 0: as often as they end. */
  readonly flushIntervalMs: number;
  /** How long a slot that another session holds is waited for, at each start and reconnect. Default 60,000. */
  readonly slotWaitMs: number;
  /** How long `start` goes on trying an unreachable server. Default 30,000. */
  readonly startTimeoutMs: number;
  /** The longest time between two statuses. Default 10,000; at most a third of the server's wal_sender_timeout is used. */
  readonly statusIntervalMs: number;
  readonly retry: RetryPolicy;
  /** Default `streamByteLimits`. */
  readonly byteLimits?: StreamByteLimits;
  readonly recorder: ChangeRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Opens the session that streams. */
  readonly openReplication: ReplicationConnector;
  /** Opens the session for checks and canaries. */
  readonly openCatalog: CatalogConnector;
  /** Opens the sessions that copy older rows; undefined: none are copied, and their tables stay listed as uncopied. */
  readonly openSnapshot?: SnapshotConnector | undefined;
  /** The most rows that are copied in one transaction. Default 200,000; a chunk is smaller when it would take long. */
  readonly chunkRowsMax?: number | undefined;
}

/** Defaults of the options that have one. */
export const sourceDefaults = {
  canaryIntervalMs: 10_000,
  flushIntervalMs: 0,
  slotWaitMs: 60_000,
  startTimeoutMs: 30_000,
  statusIntervalMs: 10_000,
} as const;

/** Bytes that wait for no interval, bytes of a transaction kept together, and bytes that may wait for a flush. */
export type StreamByteLimits = Pick<StreamLimits, 'byteCount' | 'spillByteCount' | 'pendingByteCountMax'>;

/** What is used unless told otherwise. */
export const streamByteLimits: StreamByteLimits = {
  byteCount: 1_048_576,
  spillByteCount: 1_048_576,
  pendingByteCountMax: 16_777_216,
};
