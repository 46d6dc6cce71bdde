import { unchanged, type ColumnValue, type Row } from '../../../model/row.ts';
import type { TableSchema } from '../../../model/table-schema.ts';
import type { MessageReader } from './message-reader.ts';

/*
 * Insert, Update and Delete, behind their tags, https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 *
 *   Insert  Int32 relation, Byte1('N') TupleData
 *   Update  Int32 relation, [Byte1('K') or Byte1('O') TupleData], Byte1('N') TupleData
 *   Delete  Int32 relation, Byte1('K') or Byte1('O') TupleData
 *
 *   K: the old key, sent when it changed or is out of line; O: the whole old row, with REPLICA IDENTITY FULL
 *
 *   TupleData  Int16 number of columns, then for each
 *     Byte1('n')  null
 *     Byte1('u')  a TOAST value that was not changed and is not sent
 *     Byte1('t')  Int32 length, text of that length
 *     Byte1('b')  Int32 length, binary value: only when asked for, which capture does not
 */

const letter = { key: 0x4b, old: 0x4f, new: 0x4e, null: 0x6e, unchanged: 0x75, text: 0x74 } as const;

/** An updated row. How much of the old one was sent follows from the table's replica identity; `beforeKind` says it. */
export interface UpdatedRow {
  readonly before: Row | undefined;
  readonly beforeKind: 'none' | 'key' | 'full';
  readonly after: Row;
}

/** A deleted row: its replica identity under `key`, every column under `full`. */
export interface DeletedRow {
  readonly before: Row;
  readonly beforeKind: 'key' | 'full';
}

/** Behind tag and relation. */
export function decodeInsertedRow(reader: MessageReader, table: TableSchema): Row {
  expectNew(reader, reader.readUint8());
  const after = decodeTuple(reader, table);
  reader.close();
  return after;
}

/** Behind tag and relation. A value that TOAST left unchanged is filled from the whole old row, if that was sent. */
export function decodeUpdatedRow(reader: MessageReader, table: TableSchema): UpdatedRow {
  const first = reader.readUint8();
  if (first === letter.new) {
    const after = decodeTuple(reader, table);
    reader.close();
    return { before: undefined, beforeKind: 'none', after };
  }
  const beforeKind = decodeBeforeKind(reader, first);
  const before = decodeTuple(reader, table);
  expectNew(reader, reader.readUint8());
  const after = decodeTuple(reader, table);
  reader.close();
  return { before, beforeKind, after: beforeKind === 'full' ? fillUnchanged(after, before) : after };
}

/** Behind tag and relation. */
export function decodeDeletedRow(reader: MessageReader, table: TableSchema): DeletedRow {
  const beforeKind = decodeBeforeKind(reader, reader.readUint8());
  const before = decodeTuple(reader, table);
  reader.close();
  return { before, beforeKind };
}

function expectNew(reader: MessageReader, found: number): void {
  if (found !== letter.new) reader.refuse(`the new row is marked with ${found}`);
}

function decodeBeforeKind(reader: MessageReader, found: number): 'key' | 'full' {
  if (found === letter.key) return 'key';
  return found === letter.old ? 'full' : reader.refuse(`the old row is marked with ${found}`);
}

function decodeTuple(reader: MessageReader, table: TableSchema): Row {
  const count = reader.readUint16();
  if (count !== table.columns.length) {
    reader.refuse(`a row of ${count} columns for a table of ${table.columns.length}`);
  }
  const row: ColumnValue[] = [];
  for (let index = 0; index < count; index += 1) row.push(decodeValue(reader));
  return row;
}

function decodeValue(reader: MessageReader): ColumnValue {
  const kind = reader.readUint8();
  if (kind === letter.text) return reader.readText(reader.readUint32());
  if (kind === letter.null) return null;
  return kind === letter.unchanged ? unchanged : reader.refuse(`a value is of kind ${kind}`);
}

function fillUnchanged(after: Row, before: Row): Row {
  if (!after.includes(unchanged)) return after;
  return after.map((value, index) => (value === unchanged ? (before[index] ?? null) : value));
}
