import { HeadwaterError } from '../../../foundation/error.ts';
import { toInstant } from '../../../foundation/clock.ts';
import { classifyMessage, decodeEventEnvelope } from '../../../model/event-envelope.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { eventFromAdoptedOutboxRow, eventFromOutboxRow } from '../../../model/outbox-row.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { BodyEncoding } from '../../change-recorder.ts';
import { decodeSnapshotRows } from '../../snapshot-rows.ts';
import type { DecodeCounts, DecodedBody, TransactionDecoder } from '../../transaction-decoder.ts';
import { copyHeaderLength, outputOffset, readUint32, tag } from '../replication/wire.ts';
import { decodeLogicalMessage } from './logical-message.ts';
import { MessageReader } from './message-reader.ts';
import { decodeRelation, skipOrigin, skipType } from './relation-message.ts';
import { decodeDeletedRow, decodeInsertedRow, decodeUpdatedRow } from './row-message.ts';
import { decodeBegin, skipCommit } from './transaction-message.ts';
import { decodeTruncate } from './truncate-message.ts';

/** A table as a RELATION message names it, unquoted. */
export interface TableName {
  readonly schemaName: string;
  readonly tableName: string;
}

/** Which tables of the source hold events and not plain rows, and who is named as the source of adopted events. */
export interface PgoutputDecoderOptions {
  /** The installation that reads, the source of events from adopted outbox tables. */
  readonly installation: string;
  /** Schema of Headwater's own tables, among them `outbox`. */
  readonly outboxSchema: string;
  /** Tables of the form (id, event_type, payload, created_at, published) whose inserts are events. */
  readonly adoptedOutboxes: readonly TableName[];
}

const noCounts: DecodeCounts = { foreignMessages: 0, adoptedOutboxChanges: 0, outboxChanges: 0 };

type TableRole = 'plain' | 'outbox' | 'adopted-outbox';

interface KnownTable {
  readonly table: TableSchema;
  readonly role: TableRole;
}

/** What one body gives, while it is read. */
interface BodyProgress {
  readonly records: JournalRecord[];
  ordinal: number;
  foreignMessages: number;
  adoptedOutboxChanges: number;
  outboxChanges: number;
}

/** Creates the decoder of one reader of bodies in the encoding `pgoutput-copy/1` (`docs/reference/body-encoding-pgoutput-copy-1.md`). */
export function createPgoutputDecoder(options: PgoutputDecoderOptions): TransactionDecoder {
  return new PgoutputDecoder(options);
}

class PgoutputDecoder implements TransactionDecoder {
  readonly #options: PgoutputDecoderOptions;
  readonly #reader = new MessageReader();
  /** The relations as described last. */
  #tables: ReadonlyMap<number, KnownTable> = new Map();
  #commitTimeMicros: bigint | undefined;

  constructor(options: PgoutputDecoderOptions) {
    this.#options = options;
  }

  learnSchema(message: Uint8Array): void {
    const bytes = toBuffer(message);
    this.#reader.open(bytes, 0, bytes.length);
    this.#reader.name('relation');
    const messageTag = this.#reader.readUint8();
    if (messageTag !== 0x52) throw unknownTag(messageTag);
    this.#learn(decodeRelation(this.#reader));
  }

  decodeBody(encoding: BodyEncoding, body: Uint8Array, firstOrdinal: number): DecodedBody {
    if (encoding === 'snapshot-rows/1') return { records: decodeSnapshotRows(body, firstOrdinal), counts: noCounts };
    if (encoding !== 'pgoutput-copy/1') {
      throw new HeadwaterError('HW-CAPTURE-006', `a body has the encoding "${String(encoding).slice(0, 40)}"`);
    }
    const tablesBefore = this.#tables;
    try {
      return this.#decode(toBuffer(body), firstOrdinal);
    } catch (thrown) {
      // A refused body leaves no trace, so that it can be read again.
      this.#tables = tablesBefore;
      throw thrown;
    }
  }

  cutBody(encoding: BodyEncoding, body: Uint8Array, byteCount: number): number {
    if (encoding !== 'pgoutput-copy/1') return body.length;
    const bytes = toBuffer(body);
    let end = 0;
    while (end < bytes.length && end < byteCount) end = messageEnd(bytes, end);
    return end;
  }

  #decode(bytes: Buffer, firstOrdinal: number): DecodedBody {
    const progress: BodyProgress = {
      records: [],
      ordinal: firstOrdinal,
      foreignMessages: 0,
      adoptedOutboxChanges: 0,
      outboxChanges: 0,
    };
    let offset = 0;
    while (offset < bytes.length) {
      const end = messageEnd(bytes, offset);
      this.#reader.open(bytes, offset + outputOffset, end);
      this.#message(progress);
      offset = end;
    }
    const { records, foreignMessages, adoptedOutboxChanges, outboxChanges } = progress;
    return { records, counts: { foreignMessages, adoptedOutboxChanges, outboxChanges } };
  }

  #message(progress: BodyProgress): void {
    const reader = this.#reader;
    const messageTag = reader.readUint8();
    switch (messageTag) {
      case 0x49: // I
        return this.#insert(progress);
      case 0x55: // U
        return this.#update(progress);
      case 0x44: // D
        return this.#delete(progress);
      case 0x54: // T
        return this.#truncate(progress);
      case 0x4d: // M
        return this.#logicalMessage(progress);
      case 0x52: // R
        return this.#learn(decodeRelation(reader));
      case 0x42: // B
        this.#commitTimeMicros = decodeBegin(reader);
        return undefined;
      case 0x43: // C
        return skipCommit(reader);
      case 0x59: // Y
        return skipType(reader);
      case 0x4f: // O
        return skipOrigin(reader);
      default:
        throw unknownTag(messageTag);
    }
  }

  #insert(progress: BodyProgress): void {
    this.#reader.name('insert');
    const { table, role } = this.#relation();
    const after = decodeInsertedRow(this.#reader, table);
    const ordinal = progress.ordinal;
    progress.ordinal += 1;
    switch (role) {
      case 'plain':
        progress.records.push({ kind: 'insert', ordinal, table, after });
        return;
      case 'outbox':
        progress.records.push({ kind: 'event', ordinal, event: eventFromOutboxRow(table, after) });
        return;
      case 'adopted-outbox': {
        const context = { source: this.#options.installation, ...this.#committedAt() };
        progress.records.push({ kind: 'event', ordinal, event: eventFromAdoptedOutboxRow(table, after, context) });
      }
    }
  }

  #update(progress: BodyProgress): void {
    this.#reader.name('update');
    const { table, role } = this.#relation();
    const { before, beforeKind, after } = decodeUpdatedRow(this.#reader, table);
    if (countCleanUp(role, progress)) return;
    const ordinal = progress.ordinal;
    progress.ordinal += 1;
    if (before === undefined) progress.records.push({ kind: 'update', ordinal, table, beforeKind, after });
    else progress.records.push({ kind: 'update', ordinal, table, before, beforeKind, after });
  }

  #delete(progress: BodyProgress): void {
    this.#reader.name('delete');
    const { table, role } = this.#relation();
    const { before, beforeKind } = decodeDeletedRow(this.#reader, table);
    if (countCleanUp(role, progress)) return;
    progress.records.push({ kind: 'delete', ordinal: progress.ordinal, table, before, beforeKind });
    progress.ordinal += 1;
  }

  #truncate(progress: BodyProgress): void {
    const { relationIds, cascade, restartIdentity } = decodeTruncate(this.#reader);
    const known = relationIds.map((relationId) => this.#known(relationId));
    const tables = known.filter(({ role }) => !countCleanUp(role, progress)).map(({ table }) => table);
    if (tables.length === 0) return;
    progress.records.push({ kind: 'truncate', ordinal: progress.ordinal, tables, cascade, restartIdentity });
    progress.ordinal += 1;
  }

  #logicalMessage(progress: BodyProgress): void {
    const { prefix, content } = decodeLogicalMessage(this.#reader);
    if (classifyMessage(prefix) === 'foreign') {
      progress.foreignMessages += 1;
      return;
    }
    const event = decodeEventEnvelope(content, 'message');
    progress.records.push({ kind: 'event', ordinal: progress.ordinal, event });
    progress.ordinal += 1;
  }

  #relation(): KnownTable {
    return this.#known(this.#reader.readUint32());
  }

  #known(relationId: number): KnownTable {
    const known = this.#tables.get(relationId);
    if (known !== undefined) return known;
    throw new HeadwaterError('HW-CAPTURE-004', `a change refers to relation ${relationId}, which was never described`, {
      details: { relationId },
    });
  }

  #learn(table: TableSchema): void {
    // A new map: relations come rarely, and a refused body returns to the one before.
    this.#tables = new Map(this.#tables).set(table.relationId, { table, role: this.#roleOf(table) });
  }

  #roleOf(table: TableSchema): TableRole {
    if (table.schemaName === this.#options.outboxSchema && table.tableName === 'outbox') return 'outbox';
    const isAdopted = this.#options.adoptedOutboxes.some(
      (adopted) => adopted.schemaName === table.schemaName && adopted.tableName === table.tableName,
    );
    return isAdopted ? 'adopted-outbox' : 'plain';
  }

  #committedAt(): { readonly committedAt?: ReturnType<typeof toInstant> } {
    const micros = this.#commitTimeMicros;
    return micros === undefined ? {} : { committedAt: toInstant(Number(micros / 1000n)) };
  }
}

/** Counts a change of an outbox table that is its clean-up and no event. False for a change of any other table. */
function countCleanUp(role: TableRole, progress: BodyProgress): boolean {
  if (role === 'outbox') progress.outboxChanges += 1;
  if (role === 'adopted-outbox') progress.adoptedOutboxChanges += 1;
  return role !== 'plain';
}

/** The end of the CopyData message that begins at `offset`, once it is sure to hold decoder output. */
function messageEnd(bytes: Buffer, offset: number): number {
  const isWhole = bytes.length - offset > outputOffset;
  const length = isWhole ? readUint32(bytes, offset + 1) : 0;
  const isOutput = bytes[offset] === tag.copyData && bytes[offset + copyHeaderLength] === tag.walPiece;
  if (!isWhole || !isOutput || length + 1 <= outputOffset || length + 1 > bytes.length - offset) {
    throw new HeadwaterError(
      'HW-CAPTURE-002',
      `no whole copy message with decoder output at offset ${offset} of ${bytes.length}`,
    );
  }
  return offset + 1 + length;
}

function unknownTag(messageTag: number): HeadwaterError {
  return new HeadwaterError('HW-CAPTURE-003', `a message of the unknown kind "${String.fromCharCode(messageTag)}"`);
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
