import type { SQLInputValue } from 'node:sqlite';
import { HeadwaterError } from '../../../foundation/error.ts';

/** The declared type of a column in a STRICT table made here. */
export type DeclaredType = 'INTEGER' | 'TEXT' | 'BLOB';
/** How a column of the target keeps values: https://www.sqlite.org/datatype3.html#determination_of_column_affinity */
export type Affinity = 'integer' | 'text' | 'blob' | 'any' | 'real' | 'numeric';
/** Makes a value of the stream one of SQLite. */
export type ValueEncoder = (text: string) => SQLInputValue;

type ValueKind = 'integer' | 'boolean' | 'bytes' | 'text';

/** Type oids: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_type.dat */
const kinds: Readonly<Record<number, ValueKind>> = {
  16: 'boolean',
  17: 'bytes',
  20: 'integer', // int8: SQLite's integers have 64 bits as well
  21: 'integer',
  23: 'integer',
  26: 'integer', // oid
};

const declared: Readonly<Record<ValueKind, DeclaredType>> = {
  integer: 'INTEGER',
  boolean: 'INTEGER',
  bytes: 'BLOB',
  text: 'TEXT',
};

/** The type of a column made for a source type. Everything that SQLite's numbers would change stays text. Pure. */
export function declareType(typeOid: number): DeclaredType {
  return declared[kindOf(typeOid)];
}

/** How a column that is already there keeps values. Pure. */
export function affinityOf(type: string, isStrict: boolean): Affinity {
  const name = type.toUpperCase();
  if (name.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(name)) return 'text';
  if (isStrict && name === 'BLOB') return 'blob';
  if (name === '' || name.includes('BLOB') || (isStrict && name === 'ANY')) return 'any';
  if (/REAL|FLOA|DOUB/.test(name)) return 'real';
  return 'numeric';
}

/**
 * How values of a source type are written into a column so that none is changed: as the text that PostgreSQL wrote, or as the
 * integer or the bytes that it stands for. Undefined: the column would change some. Pure.
 */
export function findEncoder(typeOid: number, affinity: Affinity): ValueEncoder | undefined {
  const kind = kindOf(typeOid);
  if (affinity === 'text') return asText;
  switch (kind) {
    case 'integer':
      return affinity === 'integer' || affinity === 'numeric' || affinity === 'any' ? BigInt : undefined;
    case 'boolean':
      return affinity === 'integer' || affinity === 'numeric' || affinity === 'any' ? asBoolean : undefined;
    case 'bytes':
      return affinity === 'blob' || affinity === 'any' ? asBytes : undefined;
    case 'text':
      return affinity === 'any' ? asText : undefined;
  }
}

function kindOf(typeOid: number): ValueKind {
  return kinds[typeOid] ?? 'text';
}

function asText(text: string): string {
  return text;
}

function asBoolean(text: string): bigint {
  return text === 't' ? 1n : 0n;
}

function asBytes(text: string): Uint8Array {
  if (/^\\x(?:[0-9a-f]{2})*$/i.test(text)) return Buffer.from(text.slice(2), 'hex');
  throw new HeadwaterError('HW-SINK-007', 'a bytea value does not stand in hexadecimal form');
}
