/*
 * Recognises the transaction objects of database clients and query builders by their structure, without importing any of
 * them, and gives each the same small interface. What each promises was read in the released code:
 *   pg 8         Client and PoolClient run statements on one connection; Pool on any. `getTransactionStatus()` is the status
 *                byte of the last ReadyForQuery, so it is current only while no query is under way (`readyForQuery`).
 *   Drizzle 0.45 `db.transaction(tx => …)`: the tx alone has `rollback`; `session.client` is the pg client below it.
 *   Kysely 0.29  `Transaction.isTransaction` is true; after the end its queries throw, naming how it ended.
 *   postgres.js 3  `sql.begin(tx => …)`: the tx alone has `savepoint`, what `sql.reserve()` gives has `release`, the root has
 *                `begin`. A tx kept after its end runs on its former connection, whoever has that by then.
 *   Knex 3       `isTransaction` is true of a transaction; once COMMIT is sent its queries throw, without saying how it ends.
 *   TypeORM 1    an EntityManager has a `queryRunner` in a transaction; its `isTransactionActive` turns false behind COMMIT.
 *   Sequelize 6  `Transaction.finished` is set when COMMIT or ROLLBACK is sent; later queries throw, naming it.
 *   MikroORM 7   `em.getTransactionContext()` is a transaction of Kysely, found through AsyncLocalStorage for the global `em`.
 *   Prisma 7     the tx of `prisma.$transaction(tx => …)` lacks `$connect`; after the end its queries throw, naming how it ended.
 * None of these but pg sends a statement in the very turn of the call, so what its connection shows is stale when the
 * statement arrives: all others say `unknown` of an open transaction and leave the proof to the statement itself.
 */

/** Whose transaction object it is. */
export type TransactionHandleKind =
  | 'pg'
  | 'postgres.js'
  | 'drizzle'
  | 'kysely'
  | 'knex'
  | 'typeorm'
  | 'sequelize'
  | 'mikro-orm'
  | 'prisma';

/** What the client itself knows at this moment. `unknown`: only the server can tell. */
export type TransactionState = 'in-transaction' | 'not-in-transaction' | 'failed' | 'unknown';

/** How a transaction ended; `ended`: that it did, and the client does not say how. */
export type TransactionEnd = 'committed' | 'rolled-back' | 'ended';

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
  /** The lease of the connection below, where that is not the identity: its transaction is another's once the lease is another one. */
  readonly lease?: object | undefined;
  /** Asked anew at each access. */
  readonly transactionState: TransactionState;
  /**
   * Runs one statement with `$1`-style parameters (text, null or bytes) where the object runs its own.
   * Rejects with the driver's own error; wrappers that quote the parameters are taken off.
   */
  query(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<readonly ResultRow[]>;
  /**
   * The same for a statement that gives no rows: how many it wrote. Absent where the library does not tell; then the statement must
   * return a row for each, which takes PostgreSQL and the client about as long as a third of a short one.
   */
  count?(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<number>;
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

/** The `tx` of postgres.js's `sql.begin`, by what `sql` lacks. */
export interface PostgresJsTransactionLike {
  readonly unsafe: AnyFunction;
  readonly savepoint: AnyFunction;
}

/** What `sql.reserve()` of postgres.js gives, by what `sql` lacks. */
export interface PostgresJsReservedLike {
  readonly unsafe: AnyFunction;
  readonly release: AnyFunction;
}

/** `Knex.Transaction`, by what `Knex` lacks. */
export interface KnexTransactionLike {
  readonly raw: AnyFunction;
  readonly executionPromise: object;
  readonly isCompleted: AnyFunction;
}

/** `EntityManager` of TypeORM. Its type does not tell the one of a transaction from `dataSource.manager`; a `DataSource` does not fit. */
export interface TypeOrmTransactionLike {
  readonly query: AnyFunction;
  readonly transaction: AnyFunction;
  readonly withRepository: AnyFunction;
}

/** `QueryRunner` of TypeORM. */
export interface TypeOrmQueryRunnerLike {
  readonly query: AnyFunction;
  readonly startTransaction: AnyFunction;
  readonly isTransactionActive: boolean;
}

/** `Transaction` of Sequelize. */
export interface SequelizeTransactionLike {
  readonly commit: AnyFunction;
  readonly rollback: AnyFunction;
  readonly afterCommit: AnyFunction;
}

/** `EntityManager` of MikroORM. Its type does not tell the one of a transaction from `orm.em`. */
export interface MikroOrmTransactionLike {
  readonly transactional: AnyFunction;
  readonly isInTransaction: AnyFunction;
  readonly getTransactionContext: AnyFunction;
}

/** `Prisma.TransactionClient`, by what `PrismaClient` has more. */
export interface PrismaTransactionLike {
  readonly $queryRawUnsafe: AnyFunction;
  readonly $executeRawUnsafe: AnyFunction;
  readonly $connect?: never;
}

/** What may be passed where a transaction is asked for. Pools and root objects do not fit this type, where types can tell. */
export type TransactionLike =
  | PgClientLike
  | PostgresJsTransactionLike
  | PostgresJsReservedLike
  | DrizzleTransactionLike
  | KyselyTransactionLike
  | KnexTransactionLike
  | TypeOrmTransactionLike
  | TypeOrmQueryRunnerLike
  | SequelizeTransactionLike
  | MikroOrmTransactionLike
  | PrismaTransactionLike;
