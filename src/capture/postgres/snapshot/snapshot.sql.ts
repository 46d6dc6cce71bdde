import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../../postgres/quote.ts';
import type { CopyTable, KeyRange } from './snapshot-session.ts';

/** A snapshot that later statements of the transaction keep. Takes no lock but those of reading. */
export const beginSnapshotSql = 'begin transaction isolation level repeatable read read only';

/** The first statement takes the snapshot; whatever it sees was written before the WAL's end that it then asks for. */
export const takeSnapshotSql = `
select pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text, pg_export_snapshot(),
       (extract(epoch from clock_timestamp()) * 1000000)::bigint::text`;

/** Must be the first statement of the transaction. */
export function joinSnapshotSql(snapshotId: string): string {
  return `set transaction snapshot ${quoteLiteral(snapshotId)}`;
}

/**
 * One row for each named table that is published: schema, name, oid, replica identity, whether it is partitioned, row estimate,
 * right to read, row filter, columns and key as JSON. Publications without a column list publish all columns but generated ones;
 * PostgreSQL 14 knows neither lists nor filters.
 */
export function describeTablesSql(names: readonly string[], publicationNames: readonly string[]): string {
  const wanted = quoteLiteral(JSON.stringify(names));
  const publications = quoteLiteral(JSON.stringify(publicationNames));
  return `
select n.nspname, c.relname, c.oid::text, c.relreplident::text, (c.relkind = 'p')::text, c.reltuples::bigint::text,
       has_table_privilege(c.oid, 'select')::text, f.row_filter, a.columns::text, k.columns::text
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join lateral (
       select min(to_jsonb(t) ->> 'rowfilter') as row_filter,
              bool_or(to_jsonb(t) ->> 'rowfilter' is null) as is_whole,
              (array_agg(to_jsonb(t) -> 'attnames'))[1] as names
         from pg_publication_tables t
        where t.schemaname = n.nspname and t.tablename = c.relname
          and t.pubname in (select jsonb_array_elements_text(${publications}::jsonb))
       having count(*) > 0) p on true
  cross join lateral (select case when p.is_whole then null else p.row_filter end as row_filter) f
  left join lateral (
       select x.indkey::int2[] as keys
         from pg_index x
        where x.indrelid = c.oid and x.indisvalid
          and case when c.relreplident = 'i' then x.indisreplident else x.indisprimary end) i on true
  cross join lateral (
       select jsonb_agg(jsonb_build_object(
                'name', t.attname, 'typeOid', t.atttypid::bigint, 'typeModifier', t.atttypmod,
                'isKey', c.relreplident = 'f' or (c.relreplident <> 'n' and t.attnum = any (i.keys)))
                order by t.attnum) as columns
         from pg_attribute t
        where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
          and case when p.names is null or p.names = 'null'::jsonb then t.attgenerated = '' else p.names ? t.attname end) a
  cross join lateral (
       select coalesce(jsonb_agg(jsonb_build_object(
                'name', t.attname, 'typeName', format_type(t.atttypid, null)) order by array_position(i.keys, t.attnum)),
                '[]'::jsonb) as columns
         from pg_attribute t
        where t.attrelid = c.oid and t.attnum = any (i.keys)) k
 where n.nspname || '.' || c.relname in (select jsonb_array_elements_text(${wanted}::jsonb))
   and c.relkind in ('r', 'p')`;
}

/** The rows of a range in the order of the key, as COPY writes them. */
export function copyRowsSql(table: CopyTable, { after, through }: KeyRange, limit: number): string {
  const keys = table.keyColumns.map(({ name }) => quoteIdentifier(name));
  const compare = (operator: string, key: readonly string[]): string => {
    const values = table.keyColumns.map(({ typeName }, index) => `${quoteLiteral(key[index] ?? '')}::${typeName}`);
    return `(${keys.join(', ')}) ${operator} (${values.join(', ')})`;
  };
  const conditions = [
    ...(after.length === 0 ? [] : [compare('>', after)]),
    ...(through === undefined ? [] : [compare('<=', through)]),
  ];
  const order = keys.length === 0 ? '' : ` order by ${keys.join(', ')}`;
  return copySql(table, conditions, `${order} limit ${limit}`);
}

/** The row with the highest key, as COPY writes it. */
export function copyLastRowSql(table: CopyTable): string {
  const order = table.keyColumns.map(({ name }) => `${quoteIdentifier(name)} desc`);
  return copySql(table, [], ` order by ${order.join(', ')} limit 1`);
}

/** The rows of some keys, values in the order of the table's columns. */
export function copyKeysSql(table: CopyTable, keys: readonly (readonly string[])[]): string {
  const columns = table.keyColumns.toSorted((left, right) => left.index - right.index);
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const rows = keys.map((key) =>
    columns.map(({ typeName }, index) => `${quoteLiteral(key[index] ?? '')}::${typeName}`).join(', '),
  );
  return copySql(table, [`(${names}) in (${rows.map((row) => `(${row})`).join(', ')})`], '');
}

function copySql(table: CopyTable, conditions: readonly string[], end: string): string {
  const { columns, schemaName, tableName } = table.table;
  const all = table.rowFilter === undefined ? conditions : [...conditions, `(${table.rowFilter})`];
  const where = all.length === 0 ? '' : ` where ${all.join(' and ')}`;
  const list = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const from = `${table.isPartitioned ? '' : 'only '}${quoteQualified(schemaName, tableName)}`;
  return `copy (select ${list} from ${from}${where}${end}) to stdout`;
}
