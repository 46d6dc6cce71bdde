import { HeadwaterError } from '../../../foundation/error.ts';
import { parseLsn } from '../../../model/lsn.ts';
import { toConnectionError } from '../../../postgres/connection-error.ts';
import type { QueryRow } from '../../../postgres/connection.ts';
import { describeAddress, type ConnectionOptions } from '../../../postgres/connection-options.ts';
import { closePgClient, openPgClient, runStatement, socketOf, type PgClient } from '../../../postgres/pg-driver.ts';
import { beginSlotTransactionSql, createSlotCommand, tableHoldsRowSql } from '../source/setup.sql.ts';
import type {
  CreatedSlot,
  ReplicationConnection,
  ReplicationStream,
  StreamListener,
  StreamStart,
  SystemFacts,
  TableToLookAt,
} from './replication-connection.ts';
import { SocketReader } from './socket-reader.ts';
import { encodeQuery, formatStartReplication, streamNotices, streamSettings, streamTimeouts } from './start-command.ts';

/** How long the server may take for an answer that it has at hand. */
const answerTimeoutMs = 30_000;
/** A slot waits for older transactions, and a look at a table for its locks. */
const unlimited = 0;

/**
 * Opens a session in replication mode. The driver `pg` makes the login (TLS, SCRAM); a plain socket is made here, so that it
 * reads into large buffers of our own.
 * @throws HW-SOURCE codes: unreachable, login refused, no right, pooler, not secured.
 */
export async function openReplicationConnection(
  options: ConnectionOptions,
  signal?: AbortSignal,
): Promise<ReplicationConnection> {
  const reader = new SocketReader();
  const settings = { ...streamSettings, ...streamTimeouts, ...streamNotices };
  const client = await openPgClient(
    options,
    { settings, replication: 'database', createSocket: () => reader.createSocket() },
    signal,
  );
  try {
    reader.follow(socketOf(client));
    const subject = `connecting to ${describeAddress(options)}`;
    const version = { text: 'show server_version_num', values: [], subject, timeoutMs: options.connectTimeoutMs };
    const [row] = await runStatement(client, version);
    return new PgReplicationConnection(client, reader, {
      address: describeAddress(options),
      serverVersion: Number(row?.['server_version_num']),
    });
  } catch (thrown) {
    await closePgClient(client);
    throw thrown;
  }
}

interface ServerFacts {
  readonly address: string;
  readonly serverVersion: number;
}

class PgReplicationConnection implements ReplicationConnection {
  readonly backendPid: number;
  readonly serverVersion: number;
  readonly sessionSettings: Readonly<Record<string, string>> = streamSettings;
  readonly #client: PgClient;
  readonly #reader: SocketReader;
  readonly #address: string;
  #isClosed = false;

  constructor(client: PgClient, reader: SocketReader, facts: ServerFacts) {
    this.#client = client;
    this.#reader = reader;
    this.#address = facts.address;
    this.serverVersion = facts.serverVersion;
    this.backendPid = Number(Reflect.get(client, 'processID'));
  }

  async identifySystem(): Promise<SystemFacts> {
    const [system] = await this.#query('IDENTIFY_SYSTEM');
    const [timeout] = await this.#query(`select setting from pg_settings where name = 'wal_sender_timeout'`);
    return {
      systemId: system?.['systemid'] ?? '',
      timeline: Number(system?.['timeline']),
      walEndLsn: parseLsn(system?.['xlogpos'] ?? ''),
      databaseName: system?.['dbname'] ?? '',
      walSenderTimeoutMs: Number(timeout?.['setting']),
    };
  }

  async createSlot(slotName: string, tables: readonly TableToLookAt[]): Promise<CreatedSlot> {
    await this.#query(beginSlotTransactionSql);
    const [created] = await this.#query(createSlotCommand(slotName, this.serverVersion), unlimited);
    const holdsRows: boolean[] = [];
    for (const { schemaName, tableName } of tables) {
      const [row] = await this.#query(tableHoldsRowSql(schemaName, tableName), unlimited);
      holdsRows.push(row?.['holds_row'] === 'true');
    }
    await this.#query('commit');
    return { startLsn: parseLsn(created?.['consistent_point'] ?? ''), holdsRows };
  }

  start(start: StreamStart, listener: StreamListener): ReplicationStream {
    const socket = this.#reader.takeOver(listener);
    let isEnded = false;
    const end = (thrown: unknown): void => {
      if (isEnded) return;
      isEnded = true;
      listener.closed(toConnectionError(thrown, `the replication connection to ${this.#address}`));
    };
    socket.once('error', end);
    socket.once('close', () =>
      end(new HeadwaterError('HW-SOURCE-023', `the replication connection to ${this.#address} was closed`)),
    );
    socket.write(encodeQuery(formatStartReplication(start)));
    return {
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      send: (message) => {
        if (socket.writable) socket.write(message);
      },
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await closePgClient(this.#client);
  }

  /** A statement or a replication command of the simple protocol. */
  async #query(text: string, timeoutMs: number = answerTimeoutMs): Promise<readonly QueryRow[]> {
    if (this.#isClosed)
      throw new HeadwaterError('HW-SOURCE-034', `the replication connection to ${this.#address} is closed`);
    const subject = `a replication command on ${this.#address}`;
    return runStatement(this.#client, { text, values: [], subject, timeoutMs });
  }
}
