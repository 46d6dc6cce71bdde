import type { HeadwaterError } from '../../../foundation/error.ts';
import type { Lsn } from '../../../model/lsn.ts';

/** What IDENTIFY_SYSTEM says, https://www.postgresql.org/docs/18/protocol-replication.html */
export interface SystemFacts {
  readonly systemId: string;
  readonly timeline: number;
  /** End of the WAL that the server has flushed. */
  readonly walEndLsn: Lsn;
  readonly databaseName: string;
  /** Of this session. 0: the server waits for ever. */
  readonly walSenderTimeoutMs: number;
}

/** A table whose rows are looked for when a slot is created, unquoted. */
export interface TableToLookAt {
  readonly schemaName: string;
  readonly tableName: string;
}

/** A slot that was just created, seen from the snapshot that was taken with it. */
export interface CreatedSlot {
  /** The stream begins here: every commit behind it is sent. */
  readonly startLsn: Lsn;
  /** For each table, in order: whether it holds rows that the stream will not send. */
  readonly holdsRows: readonly boolean[];
}

/** What START_REPLICATION asks for. The position is not given: the server goes on from what the slot has confirmed. */
export interface StreamStart {
  readonly slotName: string;
  readonly publicationNames: readonly string[];
}

/** Where the bytes of a started stream go. Each view may continue the buffer of the one before. */
export interface StreamListener {
  /** `isFull`: the read filled its buffer, so more is waiting. The bytes are never written again. */
  bytes(bytes: Uint8Array, isFull: boolean): void;
  /** The connection is gone; called once, with the reason. */
  closed(error: HeadwaterError): void;
}

/** A stream that was asked for. Its first bytes are the server's answer to START_REPLICATION. */
export interface ReplicationStream {
  pause(): void;
  resume(): void;
  /** Sends a whole message. */
  send(message: Uint8Array): void;
}

/**
 * A session in replication mode: the one way to the socket, and the place where a simulated server takes the real one's part.
 * One caller; nothing but `close` after `start`.
 */
export interface ReplicationConnection {
  /** The server process of this session, as it holds the slot. */
  readonly backendPid: number;
  readonly serverVersion: number;
  /** The settings that decide how values are written as text, as they were sent at the start of the session. */
  readonly sessionSettings: Readonly<Record<string, string>>;
  identifySystem(): Promise<SystemFacts>;
  /**
   * Creates a permanent slot and looks at tables as they were at its start, exactly. Waits for transactions that are older.
   * @throws HW-SOURCE codes by SQLSTATE: no right, none free.
   */
  createSlot(slotName: string, tables: readonly TableToLookAt[]): Promise<CreatedSlot>;
  /** Sends START_REPLICATION from the slot's own position and reads from here on, paused. */
  start(start: StreamStart, listener: StreamListener): ReplicationStream;
  /** Idempotent. Ends the session without waiting for the server's consent. */
  close(): Promise<void>;
}

/** Opens one; the driver of the source is given it, so that a simulator can give another. */
export type ReplicationConnector = (signal: AbortSignal | undefined) => Promise<ReplicationConnection>;
