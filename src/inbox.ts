/**
 * `headwater/inbox`: takes each message once, with its effect, events and reply in one commit of your own database. The ready consumers
 * stand beside the sinks: `headwater/kafka`, `headwater/nats`, `headwater/rabbitmq`, `headwater/webhook`.
 */
export { inbox, type Inbox, type InboxHandler, type SweepReport } from './application/inbox/inbox.ts';
export type { InboxMessage } from './application/inbox/inbox-message.ts';
export type { InboxOptions } from './application/inbox/inbox-options.ts';
export type { InboxCounts, InboxResult } from './application/inbox/inbox-result.ts';
export type { InboxOrder } from './application/inbox/order-decision.ts';
export type { HeldMessage, HeldReason } from './application/inbox/held-message.ts';
export type { ReceivedMessage } from './application/inbox/received-message.ts';
export type { TransactionOf } from './application/transact/transaction-of.ts';
export {
  effect,
  type CheckedEffect,
  type Effect,
  type EffectCall,
  type GuardedEffect,
  type GuardedResult,
  type KeyedEffect,
  type RunEffect,
} from './application/effect/effect.ts';
export type { EventContext } from './application/emit/event-context.ts';
export type { EventSchema, SchemaIssue, SchemaResult } from './application/emit/event-schema.ts';
export { HeadwaterError } from './foundation/error.ts';
export type { Logger, LogFields } from './foundation/logger.ts';
