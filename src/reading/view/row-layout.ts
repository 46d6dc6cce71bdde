import { HeadwaterError } from '../../foundation/error.ts';
import type { TableSchema } from '../../model/table-schema.ts';
import type { ViewTableDefinition } from './view-definition.ts';

/** Where a view finds its columns and its key in rows of a table as it was at that place of the stream. */
export interface RowLayout {
  readonly source: string;
  readonly columns: readonly HeldColumn[];
  readonly keyIndexes: readonly number[];
  /** Whether PostgreSQL itself keeps two rows of one key apart at every moment. */
  readonly isKeyUnique: boolean;
}

/** A column of a view in the rows of the stream. */
export interface HeldColumn {
  readonly name: string;
  /** Undefined: the table did not have it; rows have `absent`. */
  readonly index: number | undefined;
  readonly absent: string | null;
}

/**
 * Fits a view to a table as it was described in the stream. Pure.
 * @throws HW-VIEW-003 the key, HW-VIEW-004 a column
 */
export function planLayout(definition: ViewTableDefinition, schema: TableSchema): RowLayout {
  const { source, absent } = definition;
  const identity = identityOf(schema);
  const columns = definition.columns.map((name): HeldColumn => {
    const index = schema.columns.findIndex((column) => column.name === name);
    if (index !== -1) return { name, index, absent: null };
    const value = absent.get(name);
    if (value !== undefined) return { name, index: undefined, absent: value };
    throw new HeadwaterError('HW-VIEW-004', `${source} has no column "${name}" at this place of the journal`, {
      details: { table: source, column: name },
    });
  });
  const keyIndexes = keyOf(definition, schema, identity);
  return { source, columns, keyIndexes, isKeyUnique: identity !== undefined };
}

/** The columns that tell rows apart by a unique index; undefined where none is part of the replica identity. */
function identityOf({ replicaIdentity, columns }: TableSchema): readonly string[] | undefined {
  if (replicaIdentity === 'full' || replicaIdentity === 'nothing') return undefined;
  const names = columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  return names.length === 0 ? undefined : names;
}

function keyOf(
  { key, source }: ViewTableDefinition,
  schema: TableSchema,
  identity: readonly string[] | undefined,
): readonly number[] {
  const names = key ?? identity;
  if (names === undefined) throw refuse(source, 'has no key, and the view names none');
  if (identity !== undefined && !isSameSet(names, identity)) {
    throw refuse(source, `is told apart by ${identity.join(', ')}, the view names ${names.join(', ')}`);
  }
  return names.map((name) => {
    const index = schema.columns.findIndex((column) => column.name === name);
    if (index === -1) throw refuse(source, `has no column "${name}", which the view names as key`);
    return index;
  });
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}

function refuse(source: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-VIEW-003', `${source} ${reason}`, { details: { table: source } });
}
