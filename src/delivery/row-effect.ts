import { HeadwaterError } from '../foundation/error.ts';
import type { Change, RowChange } from '../model/journal-record.ts';
import { type Row, unchanged } from '../model/row.ts';

/** Where rows of a source table go, as far as planning needs to know. */
export interface MirrorTable {
  /** `schema.table` in the source, for messages. */
  readonly sourceName: string;
  /** Columns of the key, as indexes into the source row. Empty: rows cannot be told apart. */
  readonly keyIndexes: readonly number[];
}

/** A value that is known. */
export type FullRow = readonly (string | null)[];
/** The values of the key columns, in their order. */
export type KeyValues = readonly string[];

/** What a change does to the target. */
export type RowEffect<Table> =
  /** The row of that key is this one from now on. */
  | { readonly kind: 'put'; readonly table: Table; readonly key: KeyValues; readonly row: FullRow }
  /**
   * Some columns of the row of that key change; the others are not known. The row must be there, unless a copy that is on its
   * way brings it whole.
   */
  | {
      readonly kind: 'patch';
      readonly table: Table;
      readonly key: KeyValues;
      readonly row: Row;
      readonly mayBeMissing?: boolean;
    }
  | { readonly kind: 'remove'; readonly table: Table; readonly key: KeyValues }
  /** One more row; nobody can tell it from another. */
  | { readonly kind: 'append'; readonly table: Table; readonly row: FullRow }
  | {
      readonly kind: 'truncate';
      readonly tables: readonly Table[];
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    };

/**
 * The effects of a change, in order, on its tables. `isUncopied`: older rows of the table have not all come yet.
 * @throws HW-SINK-021 when a row without a key is to be changed or removed.
 */
export function toRowEffects<Table extends MirrorTable>(
  change: Change,
  tables: readonly Table[],
  isUncopied = false,
): readonly RowEffect<Table>[] {
  if (change.kind === 'truncate') {
    return [{ kind: 'truncate', tables, cascade: change.cascade, restartIdentity: change.restartIdentity }];
  }
  const [table] = tables;
  if (table === undefined) return [];
  if (table.keyIndexes.length === 0) return appendOnly(change, table);
  const effects = keyed(change, table);
  return isUncopied ? effects.map(toleratesMissing) : effects;
}

function toleratesMissing<Table>(effect: RowEffect<Table>): RowEffect<Table> {
  return effect.kind === 'patch' ? { ...effect, mayBeMissing: true } : effect;
}

function appendOnly<Table extends MirrorTable>(change: RowChange, table: Table): readonly RowEffect<Table>[] {
  if (change.kind !== 'insert' && change.kind !== 'read') {
    const message = `an ${change.kind} of ${table.sourceName}: no column tells its rows apart`;
    throw new HeadwaterError('HW-SINK-021', message, { details: { table: table.sourceName, change: change.kind } });
  }
  return [{ kind: 'append', table, row: requireFull(change.after, table) }];
}

function keyed<Table extends MirrorTable>(change: RowChange, table: Table): readonly RowEffect<Table>[] {
  switch (change.kind) {
    case 'insert':
    case 'read': {
      const row = requireFull(change.after, table);
      return [{ kind: 'put', table, key: keyOf(row, table), row }];
    }
    case 'delete':
      return [{ kind: 'remove', table, key: keyOf(change.before, table) }];
    case 'update': {
      const after =
        change.before === undefined
          ? change.after
          : fillUnchanged(change.after, change.before, change.beforeKind, table);
      const key = keyOf(after, table);
      const formerKey = change.before === undefined ? key : keyOf(change.before, table);
      if (!isFull(after)) return [{ kind: 'patch', table, key: formerKey, row: after }];
      const put: RowEffect<Table> = { kind: 'put', table, key, row: after };
      return isSameKey(key, formerKey) ? [put] : [{ kind: 'remove', table, key: formerKey }, put];
    }
  }
}

/** With the whole old row, no value is unknown; with the old key, none of the key is. */
function fillUnchanged(after: Row, before: Row, beforeKind: 'none' | 'key' | 'full', table: MirrorTable): Row {
  return after.map((value, index) => {
    if (value !== unchanged) return value;
    return beforeKind === 'full' || table.keyIndexes.includes(index) ? (before[index] ?? null) : value;
  });
}

function keyOf(row: Row, table: MirrorTable): KeyValues {
  return table.keyIndexes.map((index) => {
    const value = row[index];
    if (typeof value === 'string') return value;
    const message = `a row of ${table.sourceName} has no value in a key column`;
    throw new HeadwaterError('HW-SINK-021', message, { details: { table: table.sourceName } });
  });
}

/** Whether two keys name the same row. */
export function isSameKey(left: KeyValues, right: KeyValues): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

function isFull(row: Row): row is FullRow {
  return !row.includes(unchanged);
}

function requireFull(row: Row, table: MirrorTable): FullRow {
  if (isFull(row)) return row;
  throw new HeadwaterError('HW-SINK-024', `a new row of ${table.sourceName} lacks a value`, {
    details: { table: table.sourceName },
  });
}
