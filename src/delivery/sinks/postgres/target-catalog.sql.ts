import type { TargetQuery } from './target-session.ts';

/** What the target has under a name. Types are named with their schema, so that no search_path changes their meaning. */
export function readTableQuery(schemaName: string, tableName: string): TargetQuery {
  return {
    subject: `looking up ${schemaName}.${tableName} in the target`,
    text: `
select pg_catalog.json_build_object(
  'kind', c.relkind,
  'columns', (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname,
      'typeOid', a.atttypid::int8,
      'typeModifier', a.atttypmod,
      'sqlType', pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname),
      'typeText', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'isRequired', a.attnotnull and not a.atthasdef and a.attidentity = '',
      'isGenerated', a.attgenerated <> ''
    ) order by a.attnum)
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ),
  'uniqueKeys', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'isPrimary', i.indisprimary,
      'isPlain', i.indpred is null and i.indexprs is null and i.indimmediate,
      'columns', (
        select coalesce(pg_catalog.json_agg(a.attname), '[]'::json)
        from pg_catalog.generate_series(0, i.indnkeyatts - 1) as place
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[place]
      )
    )), '[]'::json)
    from pg_catalog.pg_index i
    where i.indrelid = c.oid and i.indisunique and i.indisvalid
  ),
  'watcherCount',
    (
      select count(*) from pg_catalog.pg_constraint k
      where (
          k.contype = 'f' and (k.conrelid = c.oid or k.confrelid = c.oid)
          and (not k.condeferrable or k.confdeltype <> 'a' or k.confupdtype <> 'a')
        )
        or (k.contype = 'x' and k.conrelid = c.oid)
    )
    + (select count(*) from pg_catalog.pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled <> 'D')
    + (select count(*) from pg_catalog.pg_rewrite w where w.ev_class = c.oid and w.rulename <> '_RETURN')
)::text as found
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2`,
    values: [schemaName, tableName],
  };
}

/**
 * How columns of the source are declared in a table made here. Types with an oid below 10,000 were given it by hand and mean
 * the same in every PostgreSQL; all others, and those whose text depends on the catalog they are read in, become text.
 */
export function declareTypesQuery(
  columns: readonly { readonly typeOid: number; readonly typeModifier: number }[],
): TargetQuery {
  return {
    subject: 'looking up types in the target',
    text: `
select case
    when t.oid < 10000 and t.typtype in ('b', 'r', 'm') and t.typname !~ '^_?reg' and t.typname <> 'aclitem' and t.typname <> '_aclitem'
    then pg_catalog.format_type(t.oid, w.type_modifier)
    else 'text'
  end as declared
from unnest($1::int8[], $2::int4[]) with ordinality as w(type_oid, type_modifier, place)
left join pg_catalog.pg_type t on t.oid = w.type_oid
order by w.place`,
    values: [columns.map(({ typeOid }) => typeOid), columns.map(({ typeModifier }) => typeModifier)],
  };
}
