/**
 * `headwater`: what applications and configuration files write against. Pulls in no driver, nothing native and no module of
 * Node, and starts nothing. The running service is `headwater/service`; each sink has a subpath of its own.
 */
export {
  createEmitter,
  emit,
  type Emit,
  type EmitMode,
  type EmitOptions,
  type EmittedEvent,
  type EmitterOptions,
} from './application/emit.ts';
export {
  defineEvents,
  type EventCatalogue,
  type EventDefinition,
  type EventEntry,
  type EventInput,
  type EventOptions,
  type EventPayload,
  type JsonSchema,
  type Upcaster,
} from './application/events.ts';
export { type CatalogueEvent, type ReadEvent, readEvent } from './application/read-event.ts';
export type { BatchLimits, LaneOptions, LaneStart } from './delivery/lane-options.ts';
export { HeadwaterError } from './foundation/error.ts';
export type { ErrorCode } from './foundation/error-codes.ts';
export type { Logger, LogFields } from './foundation/logger.ts';
export { explain, statementIds } from './guarantees/explain.ts';
export type { DomainEvent } from './model/domain-event.ts';
export type { EventKinds } from './model/event-kinds.ts';
export type { BoundaryGuarantee, Claim, EffectGuarantee, GuaranteeStatement } from './model/guarantee.ts';
export type {
  Change,
  DeleteChange,
  EventRecord,
  InsertChange,
  JournalRecord,
  RowChange,
  TruncateChange,
  UpdateChange,
} from './model/journal-record.ts';
export { columnValue, rowEntries, unchanged, type ColumnValue, type Row } from './model/row.ts';
export type { ColumnSchema, TableSchema } from './model/table-schema.ts';
export type { TransactionHeader } from './model/transaction.ts';
export type { HeadwaterConfig, SecretSource } from './service/config-types.ts';
export { defineConfig } from './service/define-config.ts';
