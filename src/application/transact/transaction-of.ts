/*
 * By what each library's type has and others have not. A name with several signatures is matched by the one with the callback; where
 * TypeScript infers from the last signature alone, all of them are written down.
 */

/** `Pool` of pg, by what a client lacks. */
export interface PgPoolLike<Client> {
  connect(callback: (error: Error | undefined, client: Client | undefined, release: () => void) => void): void;
  readonly totalCount: number;
}

/** What `drizzle(…)` gives, by what its transactions have beside it. */
export interface DrizzleDatabaseLike<Transaction> {
  transaction(work: (tx: Transaction) => Promise<unknown>): Promise<unknown>;
  readonly rollback?: never;
}

/** What `new Kysely(…)` gives. */
export interface KyselyDatabaseLike<Transaction> {
  transaction(): { execute(work: (tx: Transaction) => Promise<unknown>): Promise<unknown> };
  readonly isTransaction: boolean;
}

/** `sql` of postgres.js. */
export interface PostgresJsDatabaseLike<Transaction> {
  begin(options: string, work: (tx: Transaction) => unknown): unknown;
  readonly unsafe: unknown;
}

/** `DataSource` of TypeORM. */
export interface TypeOrmDatabaseLike<Manager> {
  transaction(isolationLevel: never, work: (tx: Manager) => Promise<unknown>): Promise<unknown>;
  readonly manager: Manager;
}

/** `Sequelize`, of which every signature has a callback but the last. */
export interface SequelizeDatabaseLike<Transaction> {
  transaction(options?: never): Promise<Transaction>;
  readonly define: unknown;
}

/** `EntityManager` of MikroORM; its transaction is one, too. */
export interface MikroOrmDatabaseLike {
  readonly transactional: unknown;
  readonly fork: unknown;
}

/** `PrismaClient`. */
export interface PrismaDatabaseLike<Transaction> {
  $transaction(work: (tx: Transaction) => Promise<unknown>, options?: never): Promise<unknown>;
}

/** What `knex(…)` gives. */
export interface KnexDatabaseLike<Transaction> {
  transaction(work: (tx: Transaction) => Promise<unknown>, config?: never): Promise<unknown>;
  readonly raw: unknown;
}

/** The library's own type of the transactions that are begun on a database object; `unknown` for one that types do not know. */
export type TransactionOf<Database> =
  Database extends KyselyDatabaseLike<infer Transaction>
    ? Transaction
    : Database extends PostgresJsDatabaseLike<infer Transaction>
      ? Transaction
      : Database extends MikroOrmDatabaseLike
        ? Database
        : Database extends PrismaDatabaseLike<infer Transaction>
          ? Transaction
          : Database extends TypeOrmDatabaseLike<infer Manager>
            ? Manager
            : Database extends SequelizeDatabaseLike<infer Transaction>
              ? Transaction
              : Database extends KnexDatabaseLike<infer Transaction>
                ? Transaction
                : Database extends DrizzleDatabaseLike<infer Transaction>
                  ? Transaction
                  : Database extends PgPoolLike<infer Client>
                    ? Client
                    : unknown;
