/*
 * What `headwater destroy` looks at, for PostgreSQL 14 to 18: catalogs only. Rights are asked for too, so that all of it is
 * dropped or nothing.
 */

/** One row. $1 slot, $2 publication, $3 schema, $4 mark of a publication that Headwater made. */
export const destroyFactsSql = `
select current_database()::text as database_name,
       current_user::text as role_name,
       (select r.rolreplication or r.rolsuper from pg_roles r where r.rolname = current_user)::text as may_drop_slot,
       (select jsonb_build_object('name', s.slot_name, 'plugin', s.plugin, 'database', s.database, 'activePid', s.active_pid,
                 'retainedBytes', pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::bigint::text)
          from pg_replication_slots s where s.slot_name = $1)::text as slot,
       (select coalesce(jsonb_agg(s.slot_name order by s.slot_name), '[]')
          from pg_replication_slots s
         where s.slot_name <> $1 and s.plugin = 'pgoutput' and s.database = current_database())::text as other_slots,
       (select jsonb_build_object('name', p.pubname,
                 'isOurs', coalesce(obj_description(p.oid, 'pg_publication') = $4, false),
                 'mayDrop', pg_has_role(p.pubowner, 'usage'))
          from pg_publication p where p.pubname = $2)::text as publication,
       (select jsonb_build_object('name', n.nspname,
                 'mayDrop', pg_has_role(n.nspowner, 'usage')
                   and coalesce((select bool_and(pg_has_role(c.relowner, 'usage')) from pg_class c
                                  where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')), true),
                 'objects', coalesce((select jsonb_agg(o.name order by o.name) from (
                   select c.relname::text from pg_class c
                    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
                   union all
                   select p.proname || '()' from pg_proc p where p.pronamespace = n.oid
                   union all
                   select t.typname::text from pg_type t where t.typnamespace = n.oid and t.typtype in ('d', 'e', 'r')
                   ) o (name)), '[]'))
          from pg_namespace n where n.nspname = $3)::text as schema`;
