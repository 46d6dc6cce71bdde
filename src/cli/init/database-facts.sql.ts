/*
 * What `headwater init` looks at, for PostgreSQL 14 to 18: catalogs that every role may read. Takes no lock.
 */

/** One row for each ordinary or partitioned table of the application. $1 schema of Headwater's own tables. */
export const applicationTablesSql = `
select n.nspname || '.' || c.relname as name,
       (case c.relreplident
          when 'f' then true
          when 'n' then false
          else exists (select from pg_index x
                        where x.indrelid = c.oid and x.indisvalid
                          and case c.relreplident when 'd' then x.indisprimary else x.indisreplident end)
        end)::text as has_identity,
       c.relreplident::text as identity_kind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
   and n.nspname <> $1 and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
 order by 1`;

/** One row for each publication. $1 mark of those that Headwater made. */
export const publicationsSql = `
select p.pubname::text as name,
       p.puballtables::text as is_for_all_tables,
       (obj_description(p.oid, 'pg_publication') is not distinct from $1)::text as is_ours,
       (select coalesce(jsonb_agg(t.schemaname || '.' || t.tablename), '[]') from pg_publication_tables t
         where t.pubname = p.pubname)::text as tables
  from pg_publication p
 order by 1`;
