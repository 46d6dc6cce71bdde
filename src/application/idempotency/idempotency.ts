import { HeadwaterError } from '../../foundation/error.ts';
import {
  completeAbandoned,
  type CompletedPass,
  type CompleteOptions,
  type Completer,
  type CompleterOptions,
  type ListUnfinishedOptions,
  startCompleter,
} from './completer.ts';
import type { FetchHandler } from '../http/fetch-handler.ts';
import { answerKeyed, refuseKey } from './answer-request.ts';
import type { UnfinishedKey } from './key-store.ts';
import type { Operation } from './operation.ts';
import type { AnyKeyedOperation } from './run-operation.ts';
import { expiryMsDefault, type IdempotencyOptions, toSettings } from './settings.ts';
import type { TransactionOf } from '../transact/transaction-of.ts';

/** The HTTP edge over one database. */
export interface Idempotency<Tx> {
  /**
   * A fetch handler for an operation, which is registered by its name for the completer.
   *
   * Of a keyed operation: 400 without a valid key, 422 for a key with another content, 409 with `Retry-After` while another one
   * works on it, each as `application/problem+json`; otherwise the answer of the operation, the same at each repetition.
   * @throws HW-IDEMPOTENCY-014 for a name that is not valid or used twice.
   */
  handler<Input>(operation: Operation<Tx, Input>): FetchHandler;
  /** One pass over the operations that nobody works on any more. Only those that have a handler here are taken up. */
  completeAbandoned(options?: CompleteOptions): Promise<CompletedPass>;
  /** Removes finished keys that have expired, at most `limit` (default 1000), by one statement; tells how many. */
  reapExpired(limit?: number): Promise<number>;
  /** Keys that came to no final answer, oldest first, for people: nothing removes them. */
  listUnfinished(options?: ListUnfinishedOptions): Promise<readonly UnfinishedKey[]>;
  /** Does the passes above until it is disposed of. Several processes may: each key is taken up by one. */
  startCompleter(options: CompleterOptions): Completer;
}

/**
 * Makes requests safe to repeat: the answer to a key is committed with the effects, in a transaction of the library behind `db`,
 * a Pool of pg, Drizzle's database object on node-postgres, or the Kysely object. Reads nothing and starts nothing.
 * @throws HW-IDEMPOTENCY-011, HW-IDEMPOTENCY-014
 */
export function createIdempotency<Db>(db: Db, options: IdempotencyOptions): Idempotency<TransactionOf<Db>> {
  const settings = toSettings(db, options);
  const { store } = settings.tools;
  const keyed = new Map<string, AnyKeyedOperation>();
  const names = new Set<string>();
  const complete = (given: CompleteOptions): Promise<CompletedPass> => completeAbandoned(keyed, settings, given);
  const reap = (limit: number): Promise<number> => store.reap(limit);
  return {
    handler(operation) {
      assertName(operation.name, names);
      names.add(operation.name);
      if (operation.safety !== 'keyed') {
        const refuse = operation.safety === 'unsafe' ? refuseKey : () => undefined;
        return async (request, native) => refuse(request) ?? operation.respond(request, native);
      }
      // Transactions come from `db`, inputs from `parse`.
      const untyped = operation as AnyKeyedOperation;
      keyed.set(operation.name, untyped);
      return (request, native) => answerKeyed(untyped, { request, native }, settings);
    },
    completeAbandoned: (given = {}) => complete(given),
    reapExpired: (limit = 1000) => reap(limit),
    listUnfinished: ({ ageMs = expiryMsDefault, limit = 100 } = {}) => store.listUnfinished(ageMs, limit),
    startCompleter: (given) => startCompleter({ complete, reap }, settings, given),
  };
}

function assertName(name: string, names: ReadonlySet<string>): void {
  if (name.length === 0 || name.length > 255 || name.includes('\0')) {
    throw new HeadwaterError('HW-IDEMPOTENCY-014', 'the name of an operation has 1 to 255 characters');
  }
  if (names.has(name)) throw new HeadwaterError('HW-IDEMPOTENCY-014', `two operations have the name "${name}"`);
}
