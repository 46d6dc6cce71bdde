import type { HeadwaterError } from '../foundation/error.ts';
import type { Lsn } from '../model/lsn.ts';
import type { UncopiedTable } from '../model/source-identity.ts';

/**
 * `starting`: not streamed yet. `streaming`: reads, or waits for changes. `reconnecting`: the connection was lost, the next
 * one is being made. `stopped` by us. `failed`: ended by an error that waiting does not cure.
 */
export type SourceState = 'starting' | 'streaming' | 'reconnecting' | 'stopped' | 'failed';

/** `on`, switched `off`, or without the `right`: progress of an idle database then comes from keepalives alone. */
export type CanaryState = 'on' | 'off' | 'without-right';

/** What the slot does on the server, as last seen. */
export interface SlotStatus {
  readonly walStatus: 'reserved' | 'extended' | 'unreserved' | 'lost' | undefined;
  /** WAL that the slot keeps the server from removing. */
  readonly retainedBytes: bigint | undefined;
  /** WAL behind the confirmed location. */
  readonly unconfirmedBytes: bigint | undefined;
  /** WAL that may still be written before the server gives the slot up. Undefined: no limit. */
  readonly safeBytes: bigint | undefined;
  readonly invalidationReason: string | undefined;
}

/** How far the copy of one table's older rows is. `refused`: it cannot be made, and `reason` says why. */
export interface CopyReport {
  readonly schemaName: string;
  readonly tableName: string;
  /** The lanes that it is for; undefined: all. */
  readonly lanes: readonly string[] | undefined;
  readonly state: 'copying' | 'done' | 'refused';
  readonly reason?: string | undefined;
  readonly rowCount: number;
  /** The planner's estimate of all rows; -1 when PostgreSQL has none. */
  readonly rowEstimate: number;
  /** Rows each second since this process took the copy up. */
  readonly rowsPerSecond: number;
}

/** The state of a change source, for status, metrics and lanes. Plain values: it may cross threads. */
export interface SourceReport {
  readonly state: SourceState;
  readonly slotName: string;
  readonly publicationNames: readonly string[];
  readonly systemId: string | undefined;
  readonly timeline: number | undefined;
  readonly serverVersion: string | undefined;
  readonly receivedLsn: Lsn | undefined;
  readonly durableLsn: Lsn | undefined;
  readonly confirmedLsn: Lsn | undefined;
  readonly slot: SlotStatus | undefined;
  readonly canary: CanaryState;
  /** Milliseconds since a canary of ours came back; undefined while none has. */
  readonly canaryAgeMs: number | undefined;
  readonly transactionCount: number;
  readonly recordCount: number;
  readonly duplicateCount: number;
  readonly withoutRecordsCount: number;
  readonly forgedMessageCount: number;
  readonly receivedByteCount: number;
  readonly reconnectCount: number;
  /** Tables whose earlier rows the journal lacks: no copy of them is complete. */
  readonly uncopiedTables: readonly UncopiedTable[];
  /** Copies of older rows that are being made, or were made since this process began. */
  readonly copies: readonly CopyReport[];
  /** Sequence of the last chunk of the last copy that was finished. */
  readonly copiedThrough: string | undefined;
  /** Copies of single lanes that were begun, by `copyRequestName`. */
  readonly copiedLanes: readonly string[];
  /** Why it failed, or what it is reconnecting for. */
  readonly error: HeadwaterError | undefined;
}
