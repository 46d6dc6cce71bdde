import knex, { type Knex } from 'knex';

import {
  type DriverOptions,
  RolledBack,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  unlessRolledBack,
} from '../transaction-driver.ts';

export function driveKnex({ url, connections = 2 }: DriverOptions): TransactionDriver {
  const statements = new StatementCounter();
  const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: connections } });
  db.on('query', statements.add);
  return {
    root: db,
    run: (work, ending) =>
      runInCallback(
        (inside) => db.transaction(inside),
        (tx: Knex.Transaction) => work(tx, async (text) => tx.raw(text)),
        ending,
      ),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        (tx as Knex.Transaction).transaction(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}
