import { quoteQualified } from '../../postgres/quote.ts';

/** The outbox table that the application had before Headwater. Names as the catalog has them, unquoted. */
export interface AdoptedTable {
  readonly schemaName: string;
  readonly tableName: string;
}

/** The type of the column `id`, as SQL writes it. $1 the quoted name of the table. No row: no such table or column. */
export const identityTypeSql = `
select format_type(a.atttypid, a.atttypmod) as type_name
  from pg_attribute a
 where a.attrelid = to_regclass($1) and a.attname = 'id' and a.attnum > 0 and not a.attisdropped`;

/**
 * Marks rows as published. $1 a JSON array of ids as text, cast to the column's own type so that its index is used. Locks these
 * rows only, at the default isolation; a row that is marked already is left alone, so that a repeated batch writes nothing.
 */
export function markPublishedSql(table: AdoptedTable, idType: string): string {
  return `
with marked as (
  update ${quoteQualified(table.schemaName, table.tableName)} t
     set published = true
   where t.id in (select j.id::${idType} from jsonb_array_elements_text($1::jsonb) j(id))
     and t.published is not true
  returning 1)
select count(*)::text as row_count from marked`;
}

/** Deletes rows. $1 as above. Locks these rows only, at the default isolation. */
export function deletePublishedSql(table: AdoptedTable, idType: string): string {
  return `
with deleted as (
  delete from ${quoteQualified(table.schemaName, table.tableName)} t
   where t.id in (select j.id::${idType} from jsonb_array_elements_text($1::jsonb) j(id))
  returning 1)
select count(*)::text as row_count from deleted`;
}
