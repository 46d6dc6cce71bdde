/** One metric of `/metrics`. Base units of Prometheus; labels are bounded and never hold keys, ids or LSNs. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly description: string;
}

/** Every metric of the service, once. */
export const metrics = {
  buildInfo: {
    type: 'gauge',
    name: 'headwater_build_info',
    labels: ['version', 'instance'],
    description: 'Always 1; carries the version.',
  },
  standby: {
    type: 'gauge',
    name: 'headwater_standby',
    labels: ['instance'],
    description: '1 while this process stands by for another one that holds the journal.',
  },
  takeoverPauseSeconds: {
    type: 'gauge',
    name: 'headwater_takeover_pause_seconds',
    labels: ['instance'],
    description: 'How long nothing was delivered when this process took over; absent when it did not.',
  },
  sourceConnected: {
    type: 'gauge',
    name: 'headwater_source_connected',
    labels: ['source'],
    description: '1 while the replication stream is open.',
  },
  slotRetainedBytes: {
    type: 'gauge',
    name: 'headwater_source_slot_retained_bytes',
    labels: ['source', 'slot'],
    description: 'WAL that the server keeps for the slot: current location minus restart_lsn.',
  },
  slotUnconfirmedBytes: {
    type: 'gauge',
    name: 'headwater_source_slot_unconfirmed_bytes',
    labels: ['source', 'slot'],
    description: 'Current location minus confirmed_flush_lsn.',
  },
  slotSafeBytes: {
    type: 'gauge',
    name: 'headwater_source_slot_safe_bytes',
    labels: ['source', 'slot'],
    description: 'Bytes that can be written before the slot is lost; absent when unlimited.',
  },
  slotState: {
    type: 'gauge',
    name: 'headwater_source_slot_state',
    labels: ['source', 'slot', 'state'],
    description: '1 for the state that holds.',
  },
  canaryAgeSeconds: {
    type: 'gauge',
    name: 'headwater_source_heartbeat_age_seconds',
    labels: ['source'],
    description: 'Age of the last own canary message that came back through the slot.',
  },
  sourceTransactions: {
    type: 'counter',
    name: 'headwater_source_transactions_total',
    labels: ['source'],
    description: 'Transactions appended to the journal since the start.',
  },
  sourceDuplicates: {
    type: 'counter',
    name: 'headwater_source_duplicates_total',
    labels: ['source'],
    description: 'Transactions that the server sent again and that the journal already held.',
  },
  sourceReconnects: {
    type: 'counter',
    name: 'headwater_source_reconnects_total',
    labels: ['source'],
    description: 'Reconnects since the start.',
  },
  snapshotRows: {
    type: 'gauge',
    name: 'headwater_snapshot_rows',
    labels: ['source', 'table', 'state'],
    description: 'Older rows of the table that were copied, by the state of the copy: copying, done, refused.',
  },
  snapshotRowsPerSecond: {
    type: 'gauge',
    name: 'headwater_snapshot_rows_per_second',
    labels: ['source', 'table'],
    description: 'Rate of the copy since this process took it up.',
  },
  snapshotRemainingSeconds: {
    type: 'gauge',
    name: 'headwater_snapshot_remaining_seconds',
    labels: ['source', 'table'],
    description: 'Time to the end of the copy at its rate; absent when nobody can tell.',
  },
  journalBytes: {
    type: 'gauge',
    name: 'headwater_journal_bytes',
    labels: ['pipeline'],
    description: 'Size of the journal.',
  },
  journalCapacityBytes: {
    type: 'gauge',
    name: 'headwater_journal_capacity_bytes',
    labels: ['pipeline'],
    description: 'The limit journal.maxBytes.',
  },
  journalOldestSeconds: {
    type: 'gauge',
    name: 'headwater_journal_oldest_seconds',
    labels: ['pipeline'],
    description: 'Age of the oldest kept commit.',
  },
  freshnessSeconds: {
    type: 'gauge',
    name: 'headwater_freshness_seconds',
    labels: ['pipeline', 'sink'],
    description: 'Age of the oldest commit that the sink has not acknowledged; 0 when caught up.',
  },
  backlogTransactions: {
    type: 'gauge',
    name: 'headwater_sink_backlog_transactions',
    labels: ['pipeline', 'sink'],
    description: 'Transactions in the journal behind the checkpoint of the sink.',
  },
  sinkRecords: {
    type: 'counter',
    name: 'headwater_sink_records_total',
    labels: ['sink', 'outcome'],
    description: 'Records by outcome since the start: delivered, filtered.',
  },
  sinkRetries: {
    type: 'counter',
    name: 'headwater_sink_retries_total',
    labels: ['sink'],
    description: 'Writes tried again since the start.',
  },
  sinkParkedKeys: {
    type: 'gauge',
    name: 'headwater_sink_parked_keys',
    labels: ['sink'],
    description: 'Records that failed and are parked, each with its key. Alert above 0.',
  },
  sinkParkedRecords: {
    type: 'gauge',
    name: 'headwater_sink_parked_records',
    labels: ['sink'],
    description: 'Parked records: those that failed and those that wait behind them.',
  },
  sinkState: {
    type: 'gauge',
    name: 'headwater_sink_state',
    labels: ['sink', 'state'],
    description: '1 for the state that holds.',
  },
  sinkComplete: {
    type: 'gauge',
    name: 'headwater_sink_complete',
    labels: ['sink'],
    description: '0 while rows from before the slot are missing in the sink.',
  },
} as const;
