/** `headwater/sink`: the port behind which a store of your own is brought up to date. Pulls in no driver and no module of Node. */
export { type Checkpoint, compareCheckpoints, isSameCheckpoint } from './delivery/checkpoint.ts';
export { decodeCheckpoint, encodeCheckpoint } from './delivery/checkpoint-text.ts';
export { sinkFailure, type SinkFailureKind } from './delivery/sink-failure.ts';
export type {
  OutboundBatch,
  OutboundRecord,
  RowsLacked,
  Sink,
  SinkCapabilities,
  SinkContext,
  SinkDefinition,
} from './delivery/sink.ts';
export type { Clock, ClockTimer } from './foundation/clock.ts';
export type { ErrorCode } from './foundation/error-codes.ts';
export { HeadwaterError, type HeadwaterErrorOptions } from './foundation/error.ts';
export type { Logger } from './foundation/logger.ts';
export type { Random } from './foundation/random.ts';
export type { EventRecord, JournalRecord, RowChange, TruncateChange } from './model/journal-record.ts';
export type { Lsn } from './model/lsn.ts';
export type { Sequence } from './model/position.ts';
export { columnValue, rowEntries, unchanged, type Row } from './model/row.ts';
export type { TableSchema } from './model/table-schema.ts';
export type { TransactionHeader } from './model/transaction.ts';
