import type { ColumnValue, Row } from '../../model/row.ts';
import type { ReplicaIdentity, TableSchema } from '../../model/table-schema.ts';
import type { UnplacedRecord } from '../../testing/memory-journal.ts';

/** Type oids of PostgreSQL. */
export const oids = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  jsonb: 3802,
  numeric: 1700,
  timestamptz: 1184,
  varchar: 1043,
} as const;

export interface TestColumn {
  readonly name: string;
  readonly typeOid?: number;
  readonly typeModifier?: number;
  readonly isKey?: boolean;
}

/** A table as a RELATION message would describe it. */
export function testTable(
  name: string,
  columns: readonly TestColumn[],
  replicaIdentity: ReplicaIdentity = 'default',
): TableSchema {
  return {
    relationId: Array.from(name).reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 1_000_000,
    schemaName: 'public',
    tableName: name,
    replicaIdentity,
    columns: columns.map((column) => ({
      name: column.name,
      typeOid: column.typeOid ?? oids.text,
      typeModifier: column.typeModifier ?? -1,
      isKey: column.isKey ?? replicaIdentity === 'full',
    })),
  };
}

export function insertRow(table: TableSchema, ...after: Row): UnplacedRecord {
  return { kind: 'insert', table, after };
}

/** An UPDATE; `before` is the old key, or with replica identity FULL the whole old row. */
export function updateRow(table: TableSchema, after: Row, before?: Row): UnplacedRecord {
  if (before === undefined) return { kind: 'update', table, after, beforeKind: 'none' };
  return { kind: 'update', table, after, before, beforeKind: table.replicaIdentity === 'full' ? 'full' : 'key' };
}

/** A DELETE by the values of the key columns, or of the whole row. */
export function deleteRow(table: TableSchema, ...values: readonly ColumnValue[]): UnplacedRecord {
  if (table.replicaIdentity === 'full') return { kind: 'delete', table, before: values, beforeKind: 'full' };
  const rest = [...values];
  const before = table.columns.map((column) => (column.isKey ? (rest.shift() ?? null) : null));
  return { kind: 'delete', table, before, beforeKind: 'key' };
}

export function truncateTables(...tables: readonly TableSchema[]): UnplacedRecord {
  return { kind: 'truncate', tables, cascade: false, restartIdentity: false };
}
