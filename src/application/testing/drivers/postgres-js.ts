import postgres from 'postgres';

import {
  type DriverOptions,
  RolledBack,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  unlessRolledBack,
} from '../transaction-driver.ts';

export function drivePostgresJs({ url, connections = 2 }: DriverOptions): TransactionDriver {
  const statements = new StatementCounter();
  const sql = postgres(url, { max: connections, onnotice: () => undefined, debug: statements.add });
  return {
    root: sql,
    run: (work, ending) =>
      runInCallback(
        (inside) => sql.begin(inside),
        (tx: postgres.TransactionSql) => work(tx, async (text) => tx.unsafe(text)),
        ending,
      ),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        (tx as postgres.TransactionSql).savepoint(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    async autocommit(work) {
      const reserved = await sql.reserve();
      try {
        await work(reserved);
      } finally {
        reserved.release();
      }
    },
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => sql.end(),
  };
}
