/*
 * Recognises the transaction objects of database clients and query builders by their structure, without importing any of
 * them, and gives each the same small interface. What each promises was read in the released code:
 *   pg 8         Client and PoolClient run statements on one connection; Pool on any. `getTransactionStatus()` is the status
 *                byte of the last ReadyForQuery, so it is current only while no query is under way (`readyForQuery`).
 *   Drizzle 0.45 `db.transaction(tx => …)`: the tx alone has `rollback`; `session.client` is the pg client below it.
 *   Kysely 0.29  `Transaction.isTransaction` is true; after the end its queries throw, naming how it ended.
 */

/** Whose transaction object it is. */
export type TransactionHandleKind = 'pg' | 'drizzle' | 'kysely';

/** What the client itself knows at this moment. `unknown`: only the server can tell. */
export type TransactionState = 'in-transaction' | 'not-in-transaction' | 'failed' | 'unknown';

/** How a transaction ended. */
export type TransactionEnd = 'committed' | 'rolled-back';

/** A row of a result, by the names of its columns. */
export type ResultRow = Readonly<Record<string, unknown>>;

/** One transaction object of the application, or a root object that stands for any connection. Lent, never closed. */
export interface TransactionHandle {
  readonly kind: TransactionHandleKind;
  /** A pool or root database object: each statement may run on another connection and commits by itself. */
  readonly isRoot: boolean;
  /** The object stands for a single transaction, and for nothing after its end. A pg client lives through many. */
  readonly isSingleTransaction: boolean;
  /**
   * What a transaction can be remembered by: the object itself, or, for a client of a pool, its present lease, because the
   * same client serves one caller after another. Never kept alive by whoever remembers.
   */
  readonly identity: object;
  /** Asked anew at each access. */
  readonly transactionState: TransactionState;
  /**
   * Runs one statement with `$1`-style parameters (text, null or bytes) where the object runs its own.
   * Rejects with the driver's own error; wrappers that quote the parameters are taken off.
   */
  query(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<readonly ResultRow[]>;
  /** How the transaction ended, if that is what `thrown` by `query` says. */
  readEnd(thrown: unknown): TransactionEnd | undefined;
}

type AnyFunction = (...args: never) => unknown;

/** `Client` and `PoolClient` of pg, by what its `Pool` lacks. */
export interface PgClientLike {
  readonly query: AnyFunction;
  readonly escapeIdentifier: AnyFunction;
}

/** The `tx` of Drizzle's `db.transaction`, by what `db` lacks. */
export interface DrizzleTransactionLike {
  readonly execute: AnyFunction;
  readonly rollback: AnyFunction;
  readonly setTransaction: AnyFunction;
}

/** `Transaction` and `ControlledTransaction` of Kysely, by what `Kysely` lacks. */
export interface KyselyTransactionLike {
  readonly executeQuery: AnyFunction;
  readonly isTransaction: true;
}

/** What may be passed where a transaction is asked for. Pools and root objects do not fit this type. */
export type TransactionLike = PgClientLike | DrizzleTransactionLike | KyselyTransactionLike;
