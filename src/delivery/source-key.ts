import type { TableSchema } from '../model/table-schema.ts';

/** The columns that tell the rows of a source table apart: named by the user, or its replica identity. Empty: none. */
export function sourceKey(source: TableSchema, named: readonly string[] | undefined): readonly string[] {
  if (named !== undefined) return named;
  if (source.replicaIdentity === 'full' || source.replicaIdentity === 'nothing') return [];
  return source.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
}
