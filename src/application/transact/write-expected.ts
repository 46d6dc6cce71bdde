import { HeadwaterError } from '../../foundation/error.ts';
import { quoteIdentifier, quoteQualified } from '../../postgres/quote.ts';
import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import type { TransactionHandle, TransactionLike } from '../../postgres/transaction-handle.ts';

/** A value as PostgreSQL reads it from text, bytes, or null. */
export type ExpectedValue = string | number | bigint | boolean | Uint8Array | null;

/** One row, as somebody has seen it, and what is to be written. */
export interface ExpectedWrite {
  /** `orders`, or `schema.table`. */
  readonly table: string;
  /** The columns that tell rows apart; a unique index must hold them. */
  readonly key: Readonly<Record<string, ExpectedValue>>;
  /** The version that was read; `absent`: there was no row. */
  readonly expected: bigint | number | 'absent';
  readonly set: Readonly<Record<string, ExpectedValue>>;
  /** A column of an integer type, which the write raises by one. Default `version`. */
  readonly versionColumn?: string;
}

/** The error of a write that met another version than it expected. Nothing was written. */
export interface VersionConflict extends HeadwaterError {
  readonly code: 'HW-TRANSACT-012';
  readonly details: Readonly<{ table: string; expected: string; actual: string }>;
}

/** Tells it from other errors. `expected` and `actual` are versions as text, or `absent`. */
export function isVersionConflict(thrown: unknown): thrown is VersionConflict {
  return thrown instanceof HeadwaterError && thrown.code === 'HW-TRANSACT-012';
}

/**
 * Writes one row if it still has the version that was read, with one statement. Of several who read the same version one wins; the
 * others get the conflict, also at `read committed`, because the statement waits for the winner and compares anew.
 * @returns the new version: 1 for a row that was absent
 * @throws HW-TRANSACT-012 with nothing written, see `isVersionConflict`; HW-EMIT-001, -006 for what is no transaction; the driver's errors:
 * in a stricter isolation level the loser gets 40001, which `transact` runs again
 */
export async function writeExpected(tx: TransactionLike, write: ExpectedWrite): Promise<bigint> {
  const handle = recognizeTransactionHandle(tx);
  if (handle === undefined) throw new HeadwaterError('HW-EMIT-006', 'writeExpected cannot write through this object');
  if (handle.isRoot)
    throw new HeadwaterError('HW-EMIT-001', 'writeExpected was given a root object instead of a transaction');
  const names = { table: quoteTable(write.table), version: quoteIdentifier(write.versionColumn ?? 'version') };
  const statement = write.expected === 'absent' ? insertStatement(write, names) : updateStatement(write, names);
  const [row] = await handle.query(statement.text, statement.parameters);
  if (typeof row?.['written'] === 'string') return BigInt(row['written']);
  throw await conflict(handle, write, names);
}

interface QuotedNames {
  readonly table: string;
  readonly version: string;
}

interface Statement {
  readonly text: string;
  readonly parameters: readonly (string | null | Uint8Array)[];
}

function updateStatement({ expected, key, set }: ExpectedWrite, { table, version }: QuotedNames): Statement {
  const values = [...Object.values(set), ...Object.values(key), BigInt(expected)];
  const assignments = Object.keys(set).map((name, index) => `${quoteIdentifier(name)} = $${index + 1}`);
  const conditions = Object.keys(key).map(
    (name, index) => `${quoteIdentifier(name)} = $${assignments.length + index + 1}`,
  );
  return {
    text: `update ${table} set ${[...assignments, `${version} = ${version} + 1`].join(', ')}
where ${[...conditions, `${version} = $${values.length}`].join(' and ')} returning ${version}::text as written`,
    parameters: values.map(toParameter),
  };
}

function insertStatement({ key, set }: ExpectedWrite, { table, version }: QuotedNames): Statement {
  const row = { ...key, ...set };
  const columns = Object.keys(row).map((name) => quoteIdentifier(name));
  const places = columns.map((_, index) => `$${index + 1}`);
  return {
    text: `insert into ${table} (${[...columns, version].join(', ')}) values (${[...places, '1'].join(', ')})
on conflict (${Object.keys(key)
      .map((name) => quoteIdentifier(name))
      .join(', ')}) do nothing returning ${version}::text as written`,
    parameters: Object.values(row).map(toParameter),
  };
}

async function conflict(
  handle: TransactionHandle,
  { expected, key, table }: ExpectedWrite,
  names: QuotedNames,
): Promise<HeadwaterError> {
  const conditions = Object.keys(key).map((name, index) => `${quoteIdentifier(name)} = $${index + 1}`);
  const [row] = await handle.query(
    `select ${names.version}::text as version from ${names.table} where ${conditions.join(' and ')}`,
    Object.values(key).map(toParameter),
  );
  const actual = typeof row?.['version'] === 'string' ? row['version'] : 'absent';
  return new HeadwaterError(
    'HW-TRANSACT-012',
    `a row of ${table} has version ${actual}, ${String(expected)} was expected`,
    {
      details: { table, expected: String(expected), actual },
    },
  );
}

function toParameter(value: ExpectedValue): string | null | Uint8Array {
  return value === null || value instanceof Uint8Array ? value : String(value);
}

function quoteTable(table: string): string {
  const [first = '', second, ...more] = table.split('.');
  if (more.length > 0 || first === '' || second === '') {
    throw new HeadwaterError('HW-TRANSACT-013', `"${table.slice(0, 80)}" is not a table or schema.table`);
  }
  return second === undefined ? quoteIdentifier(first) : quoteQualified(first, second);
}
