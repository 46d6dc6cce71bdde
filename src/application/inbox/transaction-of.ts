/** The transaction object that a client library gives for its root object. `unknown` where the type does not tell. */
export type TransactionOf<Database> = Database extends {
  transaction(): { execute<Result>(work: (transaction: infer Transaction) => Promise<Result>): Promise<Result> };
}
  ? Transaction
  : Database extends {
        transaction<Result>(work: (transaction: infer Transaction) => Promise<Result>, ...rest: never): Promise<Result>;
      }
    ? Transaction
    : Database extends { connect(callback: (error: never, client: infer Client, done: never) => void): void }
      ? Exclude<Client, undefined>
      : unknown;
