/**
 * How far a server has replayed the write-ahead log of its primary. The timeline of a standby is the newest that its control file
 * knows: that of the last restart point, and that up to which it must recover. Right behind a failover of the primary it may be one
 * behind until the standby writes its next restart point.
 */
export const standbyPlaceStatement = `select
  pg_catalog.pg_is_in_recovery()::text as standby,
  case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
    else pg_catalog.pg_current_wal_insert_lsn() end::text as lsn,
  case when pg_catalog.pg_is_in_recovery()
    then greatest(checkpoint.timeline_id, recovery.min_recovery_end_timeline)
    else ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::int
  end::text as timeline,
  control.system_identifier::text as system
from pg_catalog.pg_control_system() control, pg_catalog.pg_control_checkpoint() checkpoint,
  pg_catalog.pg_control_recovery() recovery`;
