import { quoteIdentifier, quoteLiteral, quoteQualified } from '../../../postgres/quote.ts';
import type { CopyTable, KeyColumn, KeyOperators, KeyRange } from './snapshot-session.ts';

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
 * right to read, whether policies hide rows from the role, row filter, columns and key as JSON. Types of the key have no length: `char` by itself has one of 1. Publications without a column list publish all columns but generated ones;
 * PostgreSQL 14 knows neither lists nor filters.
 */
export function describeTablesSql(names: readonly string[], publicationNames: readonly string[]): string {
  const wanted = quoteLiteral(JSON.stringify(names));
  const publications = quoteLiteral(JSON.stringify(publicationNames));
  return `
select n.nspname, c.relname, c.oid::text, c.relreplident::text, (c.relkind = 'p')::text, c.reltuples::bigint::text,
       has_table_privilege(c.oid, 'select')::text, row_security_active(c.oid)::text, f.row_filter, a.columns::text, k.columns::text
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
       select (x.indkey::int2[])[0:x.indnkeyatts - 1] as keys, (x.indclass::oid[])[0:x.indnkeyatts - 1] as classes
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
                'name', t.attname, 'typeName', format_type(t.atttypid, -1), 'operators', o.operators)
                order by array_position(i.keys, t.attnum)), '[]'::jsonb) as columns
         from pg_attribute t
        cross join lateral (
             select jsonb_object_agg(a.amopstrategy, format('operator(%I.%s)', s.nspname, p.oprname)) as operators
               from pg_opclass f
               join pg_amop a on a.amopfamily = f.opcfamily and a.amoplefttype = f.opcintype and a.amoprighttype = f.opcintype
               join pg_operator p on p.oid = a.amopopr
               join pg_namespace s on s.oid = p.oprnamespace
              where f.oid = i.classes[array_position(i.keys, t.attnum)]) o
        where t.attrelid = c.oid and t.attnum = any (i.keys)) k
 where n.nspname || '.' || c.relname in (select jsonb_array_elements_text(${wanted}::jsonb))
   and c.relkind in ('r', 'p')`;
}

/** The rows of a range in the order of the key, as COPY writes them. */
export function copyRowsSql(table: CopyTable, { after, through }: KeyRange, limit: number): string {
  const conditions = [
    ...(after.length === 0 ? [] : [compareKeys(table.keyColumns, after, 'above')]),
    ...(through === undefined ? [] : [compareKeys(table.keyColumns, through, 'notAbove')]),
  ];
  return copySql(table, conditions, `${orderBy(table, 'below')} limit ${limit}`);
}

/** The row with the highest key, as COPY writes it. */
export function copyLastRowSql(table: CopyTable): string {
  return copySql(table, [], `${orderBy(table, 'above')} limit 1`);
}

/*
 * Operators are named with their schemas, and are those of the index. What a bare `>` is depends on the search path, which is
 * `pg_catalog` here, so that every value is written in one form: for `citext` it would be that of `text`, and go another way than the
 * order of the rows. A bare comparison of rows is kept where it means the same: one condition of the index for any number of columns.
 */

function orderBy({ keyColumns }: CopyTable, first: 'below' | 'above'): string {
  const keys = keyColumns.map(({ name, operators }) => `${quoteIdentifier(name)} using ${operators[first]}`);
  return keys.length === 0 ? '' : ` order by ${keys.join(', ')}`;
}

const bareOperators = { above: '>', notAbove: '<=' } as const;

function compareKeys(
  columns: readonly KeyColumn[],
  key: readonly string[],
  wanted: keyof typeof bareOperators,
): string {
  const bare = bareOperators[wanted];
  if (columns.every(({ operators }) => operators[wanted] === `operator(pg_catalog.${bare})`)) {
    const values = columns.map((column, index) => valueOf(column, key[index]));
    return `(${columns.map(({ name }) => quoteIdentifier(name)).join(', ')}) ${bare} (${values.join(', ')})`;
  }
  const [column, ...others] = columns;
  if (column === undefined) return wanted === 'above' ? 'false' : 'true';
  const compare = (operator: keyof KeyOperators): string =>
    `${quoteIdentifier(column.name)} ${column.operators[operator]} ${valueOf(column, key[0])}`;
  if (others.length === 0) return compare(wanted);
  const rest = compareKeys(others, key.slice(1), wanted);
  return wanted === 'above'
    ? `(${compare('notBelow')} and (${compare('above')} or ${rest}))`
    : `(${compare('notAbove')} and (${compare('below')} or ${rest}))`;
}

/** The rows of some keys, values in the order of the table's columns. */
export function copyKeysSql(table: CopyTable, keys: readonly (readonly string[])[]): string {
  const columns = table.keyColumns.toSorted((left, right) => left.index - right.index);
  const rows = keys.map((key) => {
    const equals = columns.map(
      (column, index) => `${quoteIdentifier(column.name)} ${column.operators.equal} ${valueOf(column, key[index])}`,
    );
    return `(${equals.join(' and ')})`;
  });
  return copySql(table, [`(${rows.join(' or ')})`], '');
}

function valueOf({ typeName }: KeyColumn, value: string | undefined): string {
  return `${quoteLiteral(value ?? '')}::${typeName}`;
}

function copySql(table: CopyTable, conditions: readonly string[], end: string): string {
  const { columns, schemaName, tableName } = table.table;
  const all = table.rowFilter === undefined ? conditions : [...conditions, `(${table.rowFilter})`];
  const where = all.length === 0 ? '' : ` where ${all.join(' and ')}`;
  const list = columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const from = `${table.isPartitioned ? '' : 'only '}${quoteQualified(schemaName, tableName)}`;
  return `copy (select ${list} from ${from}${where}${end}) to stdout`;
}
