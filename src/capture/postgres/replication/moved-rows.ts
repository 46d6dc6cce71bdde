import type { CopyProgress } from '../../../model/source-identity.ts';
import { type ColumnValue, type Row, unchanged } from '../../../model/row.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import { MessageReader } from '../pgoutput/message-reader.ts';
import { decodeRelation } from '../pgoutput/relation-message.ts';
import { decodeUpdatedRow } from '../pgoutput/row-message.ts';
import { movedKeysMax, withMovedKeys } from '../snapshot/copy-plan.ts';
import { outputOffset, readUint32 } from './wire.ts';

const updateTag = 0x55; // U
/** Marks the old key of an update: it is sent when the key changed. */
const oldKeyLetter = 0x4b; // K

type Key = readonly string[];

/**
 * Finds, while tables are copied, rows that an UPDATE moved to another key without sending all of their values: the copy may
 * have passed the new place already, and never comes to the old one. Such updates alone are decoded.
 */
export class MovedRows {
  readonly #reader = new MessageReader();
  readonly #relations = new Map<number, TableSchema | Uint8Array>();
  /** Of the open transaction. */
  readonly #keys = new Map<number, Key[]>();

  /** A RELATION message as the decoder wrote it. */
  noteRelation(relationId: number, message: Uint8Array): void {
    this.#relations.set(relationId, message);
  }

  /** A change that stands in a CopyData message at `start`, while `copies` are under way. */
  note(bytes: Uint8Array, start: number, end: number, copies: readonly CopyProgress[]): void {
    const at = start + outputOffset;
    if (copies.length === 0 || bytes[at] !== updateTag || bytes[at + 5] !== oldKeyLetter) return;
    const relationId = readUint32(bytes, at + 1);
    const table = this.#tableOf(relationId);
    if (table === undefined || !copies.some((copy) => isCopyOf(copy, table))) return;
    this.#reader.open(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at + 5, end);
    this.#reader.name('update');
    const { after, before } = decodeUpdatedRow(this.#reader, table);
    if (!after.includes(unchanged)) return;
    const keys = this.#keys.get(relationId) ?? [];
    this.#keys.set(relationId, keys);
    // One above what a copy takes tells it all.
    if (keys.length <= movedKeysMax) keys.push(keyOf(table, after, before));
  }

  /** What the transaction changed in the progress of the copies; forgets it. */
  take(copies: readonly CopyProgress[]): readonly CopyProgress[] {
    if (this.#keys.size === 0) return [];
    const changed = copies.flatMap((copy) => {
      const keys = [...this.#keys].flatMap(([relationId, moved]) => {
        const table = this.#tableOf(relationId);
        return table !== undefined && isCopyOf(copy, table) ? moved : [];
      });
      const next = withMovedKeys(copy, keys);
      return next === copy ? [] : [next];
    });
    this.#keys.clear();
    return changed;
  }

  /** The transaction was not taken. */
  forget(): void {
    if (this.#keys.size > 0) this.#keys.clear();
  }

  #tableOf(relationId: number): TableSchema | undefined {
    const known = this.#relations.get(relationId);
    if (!(known instanceof Uint8Array)) return known;
    // Behind its tag.
    this.#reader.open(Buffer.from(known.buffer, known.byteOffset, known.length), 1, known.length);
    const table = decodeRelation(this.#reader);
    this.#relations.set(relationId, table);
    return table;
  }
}

function isCopyOf(copy: CopyProgress, table: TableSchema): boolean {
  return copy.tableName === table.tableName && copy.schemaName === table.schemaName;
}

/** A part of the key that is stored out of line and did not change stands in the old key alone. */
function keyOf(table: TableSchema, after: Row, before: Row | undefined): Key {
  return table.columns.flatMap(({ isKey }, index) => (isKey ? [textOf(after[index], before?.[index])] : []));
}

function textOf(value: ColumnValue | undefined, old: ColumnValue | undefined): string {
  const known = value === unchanged ? old : value;
  return typeof known === 'string' ? known : '';
}
