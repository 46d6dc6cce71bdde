import type { UncopiedReason, UncopiedTable } from '../../../model/source-identity.ts';
import type { PublishedTable, ServerFacts } from './source-facts.ts';

/** `schema.table` of each, once, sorted: a table may be in several publications. */
export function tableNames(tables: readonly PublishedTable[]): readonly string[] {
  return [...new Set(tables.map(({ schemaName, tableName }) => `${schemaName}.${tableName}`))].toSorted();
}

/** By `schema.table`: what is published of each. */
export function tableDigests(tables: readonly PublishedTable[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tables.map(({ schemaName, tableName, publishedAs }) => [`${schemaName}.${tableName}`, publishedAs]),
  );
}

/** Once each. */
export function distinctTables(tables: readonly PublishedTable[]): readonly PublishedTable[] {
  return tables.filter((table, index) => tables.findIndex(({ tableOid }) => tableOid === table.tableOid) === index);
}

/** Whether a look at the rows tells the truth: the role may read them, and no row is hidden from it. */
export function canSeeRows(table: PublishedTable, server: Pick<ServerFacts, 'bypassesRowSecurity'>): boolean {
  return table.maySelect && (!table.hasRowSecurity || server.bypassesRowSecurity);
}

/** `holdsRow` undefined: nobody could look, and a table with a byte on disk counts as one with rows. */
export function toUncopiedTable(
  table: PublishedTable,
  reason: UncopiedReason,
  holdsRow: boolean | undefined,
): UncopiedTable | undefined {
  const isUncopied = holdsRow ?? table.byteCount > 0n;
  if (!isUncopied) return undefined;
  const rowEstimate = table.rowEstimate < 0 ? -1 : Math.max(1, table.rowEstimate);
  return { schemaName: table.schemaName, tableName: table.tableName, rowEstimate, reason };
}
