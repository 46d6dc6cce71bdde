/**
 * `headwater/idempotency`: requests that are safe to repeat, over the transactions of your own database library. Pulls in no driver, no
 * framework and no module of Node.
 */
export { type ExpressHandler, toExpress } from './application/idempotency/adapters/express.ts';
export {
  type FastifyHandler,
  type FastifyReplyLike,
  type FastifyRequestLike,
  toFastify,
} from './application/idempotency/adapters/fastify.ts';
export { type HonoContextLike, type HonoHandler, toHono } from './application/idempotency/adapters/hono.ts';
export { type NestReplyLike, type NestRequestLike, toNest } from './application/idempotency/adapters/nest.ts';
export type { NodeRequestLike, NodeResponseLike } from './application/idempotency/adapters/node-request.ts';
export type {
  CompletedPass,
  CompleteOptions,
  Completer,
  CompleterOptions,
  ListUnfinishedOptions,
} from './application/idempotency/completer.ts';
export type { FetchHandler } from './application/idempotency/answer-request.ts';
export { createIdempotency, type Idempotency } from './application/idempotency/idempotency.ts';
export type { ScopedKey, UnfinishedKey } from './application/idempotency/key-store.ts';
export { openApiFragment, type OpenApiFragment } from './application/idempotency/openapi.ts';
export {
  mayRepeat,
  type Operation,
  type OperationSafety,
  type Parsed,
  type PhasedOperation,
  type PhasedRun,
  type PlainOperation,
  type RunContext,
  type TransactionOperation,
} from './application/idempotency/operation.ts';
export { Refusal } from './application/idempotency/refusal.ts';
export type { FailedAttempt, FingerprintInput, IdempotencyOptions } from './application/idempotency/settings.ts';
export type { TransactionOf } from './application/idempotency/transaction-of.ts';
export { HeadwaterError } from './foundation/error.ts';
export type { IsolationLevel } from './postgres/database-handle.ts';
