import { z } from 'zod';

import { HeadwaterError } from '../foundation/error.ts';
import type { ReadChange, TruncateChange } from '../model/journal-record.ts';
import type { Row } from '../model/row.ts';
import type { TableSchema } from '../model/table-schema.ts';
import type { BodyFragment } from './change-recorder.ts';

/*
 * The body encoding `snapshot-rows/1` (`docs/reference/body-encoding-snapshot-rows-1.md`):
 *
 *   Int32 (little-endian)  length of the head
 *   JSON                   {"table":{ … },"lanes":[ … ],"isWhole":true}
 *   CopyData messages as they came from COPY … TO STDOUT, one for each row:  Byte1('d') Int32(length) line
 *
 * A line is in PostgreSQL's text format, https://www.postgresql.org/docs/18/sql-copy.html: values between tabs, `\N` for
 * NULL, backslash escapes.
 */

/** What the rows of a body are, and whom they are for. */
export interface SnapshotHead {
  readonly table: TableSchema;
  /** Undefined: all lanes. */
  readonly lanes?: readonly string[] | undefined;
  /** The rows are all of the table: what a lane has of it goes first. For tables without a key, whose rows are not told apart. */
  readonly isWhole?: true | undefined;
}

const headSchema = z.strictObject({
  table: z.strictObject({
    relationId: z.int(),
    schemaName: z.string(),
    tableName: z.string(),
    replicaIdentity: z.enum(['default', 'nothing', 'full', 'index']),
    columns: z.array(z.strictObject({ name: z.string(), typeOid: z.int(), typeModifier: z.int(), isKey: z.boolean() })),
  }),
  lanes: z.array(z.string()).optional(),
  isWhole: z.literal(true).optional(),
}) satisfies z.ZodType<SnapshotHead>;

const copyHeaderLength = 5;
const copyData = 0x64;

/** A fragment of `rows`, whole CopyData messages. */
export function encodeSnapshotFragment(
  head: SnapshotHead,
  rows: readonly Uint8Array[],
  messageCount: number,
): BodyFragment {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return { encoding: 'snapshot-rows/1', body: [length, json, ...rows], messageCount };
}

/** The rows of a body. @throws HW-CAPTURE-002 for bytes that do not follow the format; the whole body is refused */
export function decodeSnapshotRows(body: Uint8Array, firstOrdinal: number): readonly (ReadChange | TruncateChange)[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const start = bytes.length < 4 ? bytes.length : 4 + bytes.readUInt32LE(0);
  const { table, lanes, isWhole } = parseHead(bytes, start);
  const whom = lanes === undefined ? {} : { lanes };
  const records: (ReadChange | TruncateChange)[] = [];
  if (isWhole === true) {
    const reset = { tables: [table], cascade: false, restartIdentity: false, ...whom };
    records.push({ kind: 'truncate', ordinal: firstOrdinal, ...reset });
  }
  let offset = start;
  while (offset < bytes.length) {
    const end = offset + copyHeaderLength > bytes.length ? Infinity : offset + 1 + bytes.readUInt32BE(offset + 1);
    if (end > bytes.length || bytes[offset] !== copyData) throw unreadable(`no whole row at offset ${offset}`);
    // The line without its line feed.
    const after = parseCopyLine(bytes.toString('utf8', offset + copyHeaderLength, end - 1));
    if (after.length !== table.columns.length)
      throw unreadable(`a row of ${after.length} values at offset ${offset}; the table has ${table.columns.length}`);
    const ordinal = firstOrdinal + records.length;
    records.push({ kind: 'read', ordinal, table, after, ...whom });
    offset = end;
  }
  return records;
}

/** The values of a line of COPY's text format. */
export function parseCopyLine(line: string): Row {
  const values = line.split('\t');
  return line.includes('\\') ? values.map(unescapeValue) : values;
}

function unescapeValue(text: string): string | null {
  if (text === '\\N') return null;
  return text.includes('\\') ? text.replaceAll(/\\(.)/gs, (_, escaped: string) => escapes[escaped] ?? escaped) : text;
}

/** What COPY writes with a backslash; it writes no octal and hexadecimal escapes. */
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function parseHead(bytes: Buffer, end: number): SnapshotHead {
  if (end < 4 || end > bytes.length) throw unreadable('no head');
  try {
    return headSchema.parse(JSON.parse(bytes.toString('utf8', 4, end)));
  } catch (thrown) {
    throw new HeadwaterError('HW-CAPTURE-002', 'the head of a snapshot body cannot be read', { cause: thrown });
  }
}

function unreadable(reason: string): HeadwaterError {
  return new HeadwaterError('HW-CAPTURE-002', `a snapshot body cannot be read: ${reason}`);
}
