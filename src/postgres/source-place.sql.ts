/*
 * Where a server is: its system, its timeline, how far its write-ahead log goes, and when it last recovered from a crash.
 *
 * `lsn` is the insert location: the one that is never below the end of a commit that was answered before, also with
 * synchronous_commit = off. pg_current_wal_lsn() is.
 * `crash` changes with each recovery from a crash (and when somebody resets the statistics of the background writer): what was only in
 * memory is gone then, and transaction ids that are in no WAL on the disk are given again.
 *
 * On a standby `lsn` and `timeline` are null: it has no insert location, and the name of its WAL file cannot be asked.
 * Names of columns are single words: a plugin of the query builder may rewrite others.
 */
const locationColumn = `case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_current_wal_insert_lsn()::text end as lsn`;

/**
 * Which process of which server answers: arguments of a `concat_ws`, as `KnownServers` takes them. What PostgreSQL must look up to plan
 * a short statement costs more than running it, and one text takes fewer functions than a column for each.
 */
export const backendMarks = 'pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time()';

/** What `SourceFacts` says; reads a file. Part of other statements. */
const sourceFactColumns = `case when not pg_catalog.pg_is_in_recovery()
    then pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8) end as timeline,
  extract(epoch from pg_catalog.pg_stat_get_bgwriter_stat_reset_time())::text as crash,
  (select system_identifier::text from pg_catalog.pg_control_system()) as system,
  pg_catalog.current_setting('wal_block_size') as block,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))::text as segment`;

/** For the connection that committed, right behind COMMIT: on a primary, then. */
export const commitLocationStatement = 'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn';

/** Everything at once, on any connection. */
export const sourcePlaceStatement: string = `select ${locationColumn}, ${sourceFactColumns}`;

/** The same and the process that says it. */
export const backendPlaceStatement: string = `${sourcePlaceStatement}, pg_catalog.concat_ws(' ', ${backendMarks}) as backend`;

/**
 * What became of a transaction, $1, and then where the server is: the status is materialized first, so that the location lies
 * behind the commit that it tells of.
 */
export const transactionOutcomeStatement: string = `with asked as materialized (
  select pg_catalog.pg_xact_status($1::text::xid8) as status
)
select asked.status as status, ${locationColumn}, ${sourceFactColumns} from asked`;
