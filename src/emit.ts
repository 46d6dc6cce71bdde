/**
 * `headwater/emit`: what an application calls inside its own transactions. Pulls in no driver, nothing native and no module of
 * Node, so that it loads wherever the application does.
 */
export {
  createEmitter,
  emit,
  type Emit,
  type EmitMode,
  type EmitOptions,
  type EmittedEvent,
  type EmitterOptions,
  payloadBytesMaxDefault,
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
export type { EventSchema, SchemaIssue, SchemaResult } from './application/emit/event-schema.ts';
export { HeadwaterError } from './foundation/error.ts';
export type {
  DrizzleTransactionLike,
  KyselyTransactionLike,
  PgClientLike,
  TransactionLike,
} from './postgres/transaction-handle.ts';
