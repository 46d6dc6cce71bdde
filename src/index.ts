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
} from './application/emit/emit.ts';
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
} from './application/emit/events.ts';
export { type CatalogueEvent, type ReadEvent, readEvent } from './application/emit/read-event.ts';
export { readLadder, type BoundaryLadder, type BoundaryStatus } from './application/transact/boundary-ladder.ts';
export type { DoubtReason } from './application/transact/commit-outcome.ts';
export {
  createFreshClient,
  type FreshClient,
  type FreshClientOptions,
  type FreshRequestInit,
} from './application/fresh/fresh-client.ts';
export {
  readFresh,
  type FreshAnswer,
  type FreshPolicy,
  type FreshSource,
  type ReadFreshOptions,
} from './application/fresh/read-fresh.ts';
export { readOutcome, type FailedOutcome } from './application/transact/read-outcome.ts';
export { resumeReceipt, type ResumedReceipt, type ResumeOptions } from './application/transact/resume-receipt.ts';
export { standbyReadyFor, type StandbyFreshness, type StandbyReadyOptions } from './application/fresh/standby-ready.ts';
export {
  isVersionToken,
  readRequestToken,
  tokenHeaderName,
  toTokenProblem,
  withVersionToken,
  type RequestTokens,
  type TokenAwareHandler,
  type TokenCarriers,
  type TokenStore,
} from './application/fresh/token-handler.ts';
export { createTransactor, transact, type Transact } from './application/transact/transact.ts';
export type {
  Receipt,
  TransactOptions,
  TransactorOptions,
  TransactRetry,
  UnitOfWork,
} from './application/transact/transact-types.ts';
export type { TransactionOf } from './application/transact/transaction-of.ts';
export {
  isVersionConflict,
  writeExpected,
  type ExpectedValue,
  type ExpectedWrite,
  type VersionConflict,
} from './application/transact/write-expected.ts';
export type { BatchLimits, LaneOptions, LaneStart } from './delivery/lane-options.ts';
export { HeadwaterError } from './foundation/error.ts';
export type { ErrorCode } from './foundation/error-codes.ts';
export type { Logger, LogFields } from './foundation/logger.ts';
export { compose } from './guarantees/compose.ts';
export { explain, statementIds } from './guarantees/explain.ts';
export type {
  ComposedCardinality,
  ComposedProperty,
  ComposedStatement,
  PartSentence,
} from './model/composed-statement.ts';
export type { DomainEvent } from './model/domain-event.ts';
export type { EventKinds } from './model/event-kinds.ts';
export type { BoundaryGuarantee, Claim, EffectGuarantee, GuaranteeStatement } from './model/guarantee.ts';
export type {
  BoundaryReader,
  BoundaryReport,
  Freshness,
  FreshnessLag,
  FreshnessPosition,
  LaneBoundary,
  ReadyOptions,
} from './model/freshness.ts';
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
export { decodeVersionToken, mergeVersionTokens, type TokenEntry, type VersionToken } from './model/version-token.ts';
export type { Lsn } from './model/lsn.ts';
export type { IsolationLevel } from './postgres/database-handle.ts';
export type {
  DrizzleTransactionLike,
  KyselyTransactionLike,
  PgClientLike,
  TransactionLike,
} from './postgres/transaction-handle.ts';
export type { HeadwaterConfig, SecretSource } from './service/config-types.ts';
export { defineConfig } from './service/define-config.ts';
