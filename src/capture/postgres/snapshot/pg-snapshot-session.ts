import type { Socket } from 'node:net';

import { z } from 'zod';

import { HeadwaterError } from '../../../foundation/error.ts';
import { parseLsn } from '../../../model/lsn.ts';
import type { ReplicaIdentity } from '../../../model/table-schema.ts';
import { toConnectionError } from '../../../postgres/connection-error.ts';
import { type ConnectionOptions, describeAddress } from '../../../postgres/connection-options.ts';
import { closePgClient, openPgClient, type PgClient, socketOf } from '../../../postgres/pg-driver.ts';
import { decodeErrorResponse } from '../replication/error-response.ts';
import { MessageFramer } from '../replication/message-framer.ts';
import { SocketReader } from '../replication/socket-reader.ts';
import { encodeQuery, streamSettings, streamTimeouts } from '../replication/start-command.ts';
import { copyHeaderLength, readUint32, tag } from '../replication/wire.ts';
import { parseSnapshot } from './snapshot-cut.ts';
import type {
  CopiedRows,
  CopyTable,
  KeyOperators,
  KeyRange,
  SnapshotSession,
  TakenSnapshot,
} from './snapshot-session.ts';
import {
  beginSnapshotSql,
  copyKeysSql,
  copyLastRowSql,
  copyRowsSql,
  describeTablesSql,
  joinSnapshotSql,
  takeSnapshotSql,
} from './snapshot.sql.ts';

type TextRow = readonly (string | null)[];

const dataRowTag = 0x44; // D
const decoder = new TextDecoder();

/** Opens a session whose values are written as the stream writes them. @throws HW-SOURCE codes of the connection */
export async function openSnapshotSession(options: ConnectionOptions, signal?: AbortSignal): Promise<SnapshotSession> {
  const reader = new SocketReader();
  const client = await openPgClient(
    options,
    {
      // Where a policy comes into force meanwhile, reading fails instead of leaving rows out.
      settings: { ...streamSettings, ...streamTimeouts, standard_conforming_strings: 'on', row_security: 'off' },
      replication: 'none',
      createSocket: () => reader.createSocket(),
    },
    signal,
  );
  reader.follow(socketOf(client));
  return new PgSnapshotSession(client, reader, describeAddress(options));
}

/** What one answer brought. */
interface Answer {
  readonly rows: TextRow[];
  readonly slices: Uint8Array[];
  rowCount: number;
  byteCount: number;
  /** Where the last row lies; no view of its own for each row. */
  lastBytes: Uint8Array | undefined;
  lastStart: number;
  lastEnd: number;
  error: HeadwaterError | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Statements of the simple protocol over a socket that is read into large buffers of our own: rows of a COPY are kept as they
 * came, as views of those buffers. The driver `pg` makes the login and is then detached.
 */
class PgSnapshotSession implements SnapshotSession {
  readonly #client: PgClient;
  readonly #socket: Socket;
  readonly #address: string;
  readonly #framer = new MessageFramer();
  #answer: Answer | undefined;
  #run: { readonly bytes: Uint8Array; readonly start: number; end: number } | undefined;
  #ended: HeadwaterError | undefined;
  #isInTransaction = false;

  constructor(client: PgClient, reader: SocketReader, address: string) {
    this.#client = client;
    this.#address = address;
    this.#socket = reader.takeOver({ bytes: (bytes) => this.#receive(bytes) });
    const end = (thrown: unknown): void => this.#fail(toConnectionError(thrown, `the snapshot session to ${address}`));
    this.#socket.once('error', end);
    this.#socket.once('close', () =>
      this.#fail(new HeadwaterError('HW-SOURCE-023', `the snapshot session to ${address} was closed`)),
    );
    this.#socket.resume();
  }

  async take(): Promise<TakenSnapshot> {
    await this.#begin();
    const [row] = (await this.#query(takeSnapshotSql, 'taking a snapshot')).rows;
    const [snapshot, endLsn, snapshotId, micros] = row ?? [];
    const cut = parseSnapshot(snapshot ?? '', parseLsn(endLsn ?? ''));
    if (cut === undefined)
      throw new HeadwaterError('HW-SOURCE-024', `the server told the snapshot as "${snapshot ?? ''}"`);
    return { cut, snapshotId: snapshotId ?? '', readTimeMicros: BigInt(micros ?? '0') };
  }

  async join(snapshotId: string): Promise<void> {
    await this.#begin();
    await this.#query(joinSnapshotSql(snapshotId), 'joining a snapshot');
  }

  async describe(
    names: readonly string[],
    publicationNames: readonly string[],
  ): Promise<ReadonlyMap<string, CopyTable>> {
    const { rows } = await this.#query(describeTablesSql(names, publicationNames), 'describing tables');
    return new Map(rows.map(toCopyTable).map((entry) => [`${entry.table.schemaName}.${entry.table.tableName}`, entry]));
  }

  async copy(table: CopyTable, range: KeyRange, limit: number): Promise<CopiedRows> {
    return await this.#copy(table, copyRowsSql(table, range, limit));
  }

  async copyLast(table: CopyTable): Promise<CopiedRows> {
    return await this.#copy(table, copyLastRowSql(table));
  }

  async copyByKeys(table: CopyTable, keys: readonly (readonly string[])[]): Promise<CopiedRows> {
    return await this.#copy(table, copyKeysSql(table, keys));
  }

  async #copy({ table: { schemaName, tableName } }: CopyTable, text: string): Promise<CopiedRows> {
    const answer = await this.#query(text, `copying ${schemaName}.${tableName}`);
    const { byteCount, lastBytes, lastEnd, lastStart, rowCount, slices } = answer;
    // The line without its line feed.
    return { slices, rowCount, byteCount, lastLine: lastBytes?.subarray(lastStart + copyHeaderLength, lastEnd - 1) };
  }

  async end(): Promise<void> {
    if (!this.#isInTransaction || this.#ended !== undefined) return;
    this.#isInTransaction = false;
    await this.#query('commit', 'ending a snapshot');
  }

  async close(): Promise<void> {
    this.#fail(new HeadwaterError('HW-SOURCE-034', `the snapshot session to ${this.#address} is closed`));
    await closePgClient(this.#client);
  }

  async #begin(): Promise<void> {
    await this.end();
    await this.#query(beginSnapshotSql, 'beginning a snapshot');
    this.#isInTransaction = true;
  }

  async #query(text: string, subject: string): Promise<Answer> {
    if (this.#ended !== undefined) throw this.#ended;
    const answer: Answer = {
      rows: [],
      slices: [],
      rowCount: 0,
      byteCount: 0,
      lastBytes: undefined,
      lastStart: 0,
      lastEnd: 0,
      error: undefined,
      done: Promise.withResolvers(),
    };
    this.#answer = answer;
    this.#subject = subject;
    this.#socket.write(encodeQuery(text));
    await answer.done.promise;
    if (answer.error !== undefined) throw answer.error;
    return answer;
  }
  #subject = '';

  #receive(bytes: Uint8Array): void {
    try {
      this.#framer.push(bytes, (message, start, end) => this.#message(message, start, end));
      this.#closeRun();
    } catch (thrown) {
      this.#fail(HeadwaterError.from(thrown));
      this.#socket.destroy();
    }
  }

  #message(bytes: Uint8Array, start: number, end: number): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    switch (bytes[start]) {
      case tag.copyData: {
        answer.rowCount += 1;
        const run = this.#run;
        if (run !== undefined && run.bytes === bytes && run.end === start) run.end = end;
        else {
          this.#closeRun();
          this.#run = { bytes, start, end };
        }
        answer.lastBytes = bytes;
        answer.lastStart = start;
        answer.lastEnd = end;
        return;
      }
      case dataRowTag:
        answer.rows.push(decodeDataRow(bytes, start));
        return;
      case tag.errorResponse:
        answer.error = decodeErrorResponse(bytes.subarray(start, end), `${this.#subject} of ${this.#address}`);
        return;
      case tag.readyForQuery:
        this.#closeRun();
        this.#answer = undefined;
        answer.done.resolve();
        return;
      default:
        // Descriptions of rows, completions, notices: nothing that changes what the statement brought.
        return;
    }
  }

  #closeRun(): void {
    const run = this.#run;
    if (run === undefined || this.#answer === undefined) return;
    this.#run = undefined;
    this.#answer.slices.push(run.bytes.subarray(run.start, run.end));
    this.#answer.byteCount += run.end - run.start;
  }

  #fail(error: HeadwaterError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer === undefined) return;
    answer.error = error;
    answer.done.resolve();
  }
}

/** DataRow: Byte1('D') Int32(length) Int16(columns) { Int32(length, -1 for NULL) Byten(value) }. */
function decodeDataRow(bytes: Uint8Array, start: number): TextRow {
  const count = (bytes[start + 5] ?? 0) * 256 + (bytes[start + 6] ?? 0);
  const row: (string | null)[] = [];
  let at = start + 7;
  for (let index = 0; index < count; index += 1) {
    const length = readUint32(bytes, at) | 0;
    at += 4;
    row.push(length < 0 ? null : decoder.decode(bytes.subarray(at, at + length)));
    at += Math.max(0, length);
  }
  return row;
}

const columnsSchema = z.array(
  z.object({ name: z.string(), typeOid: z.int(), typeModifier: z.int(), isKey: z.boolean().nullable() }),
);
/** By the strategies of a B-tree. https://www.postgresql.org/docs/18/btree.html#BTREE-BEHAVIOR */
const operatorsSchema = z
  .object({ 1: z.string(), 2: z.string(), 3: z.string(), 4: z.string(), 5: z.string() })
  .transform((by): KeyOperators => ({ below: by[1], notAbove: by[2], equal: by[3], notBelow: by[4], above: by[5] }));
const keySchema = z.array(z.object({ name: z.string(), typeName: z.string(), operators: operatorsSchema }));
const identities: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', n: 'nothing', f: 'full', i: 'index' };

/** The columns of `describeTablesSql`. */
function toCopyTable(row: TextRow): CopyTable {
  const [
    schemaName,
    tableName,
    oid,
    identity,
    isPartitioned,
    rowEstimate,
    maySelect,
    hidesRows,
    rowFilter,
    columnsJson,
    keysJson,
  ] = row;
  const columns = columnsSchema.parse(JSON.parse(columnsJson ?? '[]'));
  const keys = keySchema.parse(JSON.parse(keysJson ?? '[]'));
  const keyColumns = keys.map((key) => ({ ...key, index: columns.findIndex(({ name }) => name === key.name) }));
  return {
    table: {
      relationId: Number(oid),
      schemaName: schemaName ?? '',
      tableName: tableName ?? '',
      replicaIdentity: identities[identity ?? ''] ?? 'default',
      columns: columns.map((column) => ({ ...column, isKey: column.isKey === true })),
    },
    // A key of which a column is not published does not lead from one chunk to the next.
    keyColumns: keyColumns.some(({ index }) => index === -1) ? [] : keyColumns,
    rowFilter: rowFilter ?? undefined,
    isPartitioned: isPartitioned === 'true',
    rowEstimate: Number(rowEstimate),
    maySelect: maySelect === 'true',
    hidesRows: hidesRows === 'true',
  };
}
