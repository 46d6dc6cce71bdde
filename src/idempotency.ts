/**
 * `headwater/idempotency`: requests that are safe to repeat, over the transactions of your own database library. Pulls in no driver, no
 * framework and no module of Node.
 */
export type {
  CompletedPass,
  CompleteOptions,
  Completer,
  CompleterOptions,
  ListUnfinishedOptions,
} from './application/idempotency/completer.ts';
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
export type { FetchHandler } from './application/http/fetch-handler.ts';
export { createIdempotency, type Idempotency } from './application/idempotency/idempotency.ts';
export type { ScopedKey, UnfinishedKey } from './application/idempotency/key-store.ts';
export { openApiFragment, type OpenApiFragment } from './application/idempotency/openapi.ts';
export {
  type DeclaredOperation,
  findWeakenedOperations,
  type OpenApiDocument,
  readOperations,
  safetyFromOpenApi,
  type SafetyOf,
  type WeakenedOperation,
} from './application/idempotency/openapi-operations.ts';
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
export {
  createRepeatingFetch,
  type RepeatingFetch,
  type RepeatingFetchOptions,
} from './application/idempotency/repeating-fetch.ts';
export { readOutcome } from './application/transact/read-outcome.ts';
export { Refusal } from './application/idempotency/refusal.ts';
export type { FailedAttempt, FingerprintInput, IdempotencyOptions } from './application/idempotency/settings.ts';
export type { TransactionOf } from './application/transact/transaction-of.ts';
export { HeadwaterError } from './foundation/error.ts';
export type { IsolationLevel } from './postgres/database-handle.ts';
