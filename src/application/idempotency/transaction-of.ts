/**
 * The transaction object that a pool or root object gives: Drizzle's `tx`, Kysely's `Transaction`, the `PoolClient` of pg.
 * `unknown` for anything else, which is refused at run time.
 */
export type TransactionOf<Db> = Db extends {
  transaction(): { execute(work: (tx: infer Tx) => Promise<unknown>): unknown };
}
  ? Tx
  : Db extends { transaction(work: (tx: infer Tx) => Promise<unknown>): unknown }
    ? Tx
    : Db extends { connect: { (): Promise<infer Client>; (callback: never): void } }
      ? Client
      : unknown;
