/*
 * Catalog queries of capture, for PostgreSQL 14 to 18. They read catalogs only, take no locks beyond those of reading, and run
 * at the default isolation. Columns that a version lacks are taken from `to_jsonb`, where an absent one is null.
 */

/** One row. Locations are null on a standby. */
export const serverFactsSql = `
select s.system_identifier::text as system_id,
       pg_is_in_recovery()::text as is_standby,
       current_database()::text as database_name,
       d.oid::text as database_oid,
       current_setting('wal_level') as wal_level,
       current_setting('server_version') as version_text,
       current_setting('server_encoding') as server_encoding,
       case when pg_is_in_recovery() then null else pg_current_wal_insert_lsn()::text end as insert_lsn,
       r.rolname::text as role_name,
       (r.rolreplication or r.rolsuper)::text as may_replicate,
       (r.rolbypassrls or r.rolsuper)::text as bypasses_row_security,
       has_database_privilege(d.oid, 'create')::text as may_create_in_database,
       e.may_emit::text as may_emit,
       e.may_everybody_emit::text as may_everybody_emit,
       current_setting('max_slot_wal_keep_size') as slot_keep_size,
       current_setting('idle_replication_slot_timeout', true) as idle_slot_timeout,
       current_setting('max_replication_slots') as slot_count_max,
       (select count(*) from pg_replication_slots)::text as slot_count,
       current_setting('max_wal_senders') as sender_count_max,
       (select count(*) from pg_stat_replication)::text as sender_count
  from pg_control_system() s, pg_database d, pg_roles r,
       (select bool_and(has_function_privilege(p.oid, 'execute')) as may_emit,
               bool_and(has_function_privilege('public', p.oid, 'execute')) as may_everybody_emit
          from pg_proc p
         where p.proname = 'pg_logical_emit_message' and p.pronamespace = 'pg_catalog'::regnamespace) e
 where d.datname = current_database() and r.rolname = current_user`;

/** A message of a transaction of its own, that no decoder takes for an event. */
export const writeMarkSql = `select pg_logical_emit_message(true, 'headwater:mark', '')::text`;

/** No row, or one. $1 slot name. */
export const slotFactsSql = `
select s.slot_name::text as slot_name,
       s.plugin::text as plugin,
       s.slot_type as slot_type,
       s.database::text as database_name,
       s.temporary::text as is_temporary,
       s.active_pid::text as active_pid,
       s.confirmed_flush_lsn::text as confirmed_lsn,
       s.restart_lsn::text as restart_lsn,
       s.wal_status as wal_status,
       s.safe_wal_size::text as safe_bytes,
       to_jsonb(s) ->> 'two_phase' as is_two_phase,
       to_jsonb(s) ->> 'invalidation_reason' as invalidation_reason,
       to_jsonb(s) ->> 'conflicting' as is_conflicting,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::bigint::text as retained_bytes,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.confirmed_flush_lsn)::bigint::text as unconfirmed_bytes
  from pg_replication_slots s
 where s.slot_name = $1`;

/** One row for each publication that exists. $1 JSON array of names. */
export const publicationFactsSql = `
select p.pubname::text as name,
       p.oid::text as oid,
       p.puballtables::text as is_for_all_tables,
       p.pubinsert::text as has_insert,
       p.pubupdate::text as has_update,
       p.pubdelete::text as has_delete,
       p.pubtruncate::text as has_truncate,
       p.pubviaroot::text as is_via_root,
       to_jsonb(p) ->> 'pubgencols' as generated_columns
  from pg_publication p
 where p.pubname in (select jsonb_array_elements_text($1::jsonb))
 order by p.pubname`;

/*
 * A digest of all that decides which changes of a table `c` publication `p` sends. The oid of the membership is part of it:
 * a table that was dropped from the publication and added again has another one, and so has a schema whose
 * tables are published. The membership of a schema is found by its dependencies, for PostgreSQL 14 has no catalog of them and
 * then none are found. Only a publication of all tables has no membership.
 */
const publishedAsSql = `
       md5(concat_ws(' ', p.oid, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
           to_jsonb(p) ->> 'pubgencols',
           (select string_agg(concat_ws(' ', r.oid, to_jsonb(r) ->> 'prattrs', to_jsonb(r) ->> 'prqual'), ',' order by r.oid)
              from pg_publication_rel r
             where r.prpubid = p.oid
               and (r.prrelid = c.oid or r.prrelid in (select a.relid from pg_partition_ancestors(c.oid) a))),
           (select string_agg(m.objid::text, ',' order by m.objid)
              from pg_depend m
              join pg_depend s on s.classid = m.classid and s.objid = m.objid
             where m.classid = to_regclass('pg_catalog.pg_publication_namespace')
               and m.refclassid = 'pg_publication'::regclass and m.refobjid = p.oid
               and s.refclassid = 'pg_namespace'::regclass
               and (s.refobjid = c.relnamespace or s.refobjid in (
                    select k.relnamespace from pg_partition_ancestors(c.oid) a join pg_class k on k.oid = a.relid)))))`;

/** One row for each published table. $1 JSON array of publication names. */
export const publishedTablesSql: string = `
select t.pubname::text as publication_name,
       t.schemaname::text as schema_name,
       t.tablename::text as table_name,
       c.oid::text as table_oid,
       c.relreplident::text as identity_kind,
       c.relrowsecurity::text as has_row_security,
       has_table_privilege(c.oid, 'select')::text as may_select,
       (select coalesce(jsonb_agg(a.attname order by a.attnum), '[]')
          from pg_index x
          join pg_attribute a on a.attrelid = c.oid and a.attnum = any ((x.indkey::int2[])[0:x.indnkeyatts - 1])
         where x.indrelid = c.oid and x.indisvalid
           and case c.relreplident when 'd' then x.indisprimary when 'i' then x.indisreplident else false end
       )::text as identity_columns,
       to_jsonb(t) ->> 'attnames' as column_names,
       (select count(*) from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)::text as column_count,
       (select count(*) from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = 's')::text as generated_count,
       ${publishedAsSql} as published_as,
       coalesce(z.byte_count, 0)::text as byte_count,
       coalesce(z.row_estimate, -1)::bigint::text as row_estimate
  from pg_publication_tables t
  join pg_publication p on p.pubname = t.pubname
  join pg_namespace n on n.nspname = t.schemaname
  join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
  left join lateral (
       select sum(pg_relation_size(l.oid)) as byte_count,
              case when bool_and(l.reltuples < 0) then -1 else sum(greatest(l.reltuples, 0)) end as row_estimate
         from (select c.oid, c.reltuples where c.relkind <> 'p'
               union all
               select p.oid, p.reltuples
                 from pg_partition_tree(c.oid) q
                 join pg_class p on p.oid = q.relid
                where c.relkind = 'p' and q.isleaf) l
       ) z on true
 where t.pubname in (select jsonb_array_elements_text($1::jsonb))
 order by 1, 2, 3`;

/**
 * One row for each named table, published or not. $1 JSON array of `{name, schema_name, table_name}`, $2 JSON array of
 * publication names. Of a partitioned table its leaves are looked at, for they are what is written.
 */
export const namedTablesSql = `
with published as (
     select k.oid
       from pg_publication_tables t
       join pg_namespace s on s.nspname = t.schemaname
       join pg_class k on k.relnamespace = s.oid and k.relname = t.tablename
      where t.pubname in (select jsonb_array_elements_text($2::jsonb)))
select w.name as name,
       (c.oid is not null)::text as is_there,
       coalesce(z.lacks_identity, false)::text as lacks_identity,
       (c.oid in (select p.oid from published p)
         or (c.relkind = 'p' and coalesce(z.are_leaves_published, true)))::text as is_published
  from jsonb_to_recordset($1::jsonb) as w(name text, schema_name text, table_name text)
  left join pg_namespace n on n.nspname = w.schema_name
  left join pg_class c on c.relnamespace = n.oid and c.relname = w.table_name
  left join lateral (
       select bool_or(case l.relreplident
                      when 'f' then false
                      when 'n' then true
                      else not exists (select from pg_index x
                                        where x.indrelid = l.oid and x.indisvalid
                                          and case l.relreplident when 'd' then x.indisprimary else x.indisreplident end)
                      end) as lacks_identity,
              bool_and(l.oid in (select p.oid from published p)) as are_leaves_published
         from (select c.oid, c.relreplident where c.relkind <> 'p'
               union all
               select p.oid, p.relreplident
                 from pg_partition_tree(c.oid) q
                 join pg_class p on p.oid = q.relid
                where c.relkind = 'p' and q.isleaf) l
       ) z on true`;

/** One row. $1 a quoted qualified name. */
export const tableExistsSql = `select (to_regclass($1) is not null)::text as is_there`;

/**
 * One statement for everything that is looked at while nothing happens: an idle installation costs one statement per
 * interval. $1 slot name, $2 JSON array of publication names, $3 content of the canary. The canary is transactional, so that
 * it travels the whole way and frees the WAL of an idle cluster.
 */
export function watchSql(canary: 'emitted' | 'none'): string {
  const emit =
    canary === 'none' ? '' : `, pg_logical_emit_message(true, 'headwater:canary', $3::text)::text as canary_lsn`;
  return `
select (select coalesce(jsonb_agg(to_jsonb(s)), '[]')::text from (${slotFactsSql}) s) as slots,
       (select coalesce(jsonb_agg(to_jsonb(p)), '[]')::text from (${publicationFactsSql.replace('$1', '$2')}) p) as publications,
       (select md5(coalesce(string_agg(
                 concat_ws(' ', t.schemaname, t.tablename, ${publishedAsSql}),
                 ',' order by t.pubname, t.schemaname, t.tablename), ''))
          from pg_publication_tables t
          join pg_publication p on p.pubname = t.pubname
          join pg_namespace n on n.nspname = t.schemaname
          join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
         where t.pubname in (select jsonb_array_elements_text($2::jsonb))) as tables_digest${emit}`;
}
