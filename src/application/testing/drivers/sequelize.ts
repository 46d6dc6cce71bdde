import { Sequelize, type Transaction } from 'sequelize';

import {
  type DriverOptions,
  RolledBack,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  unlessRolledBack,
} from '../transaction-driver.ts';

export function driveSequelize({ url, connections = 2 }: DriverOptions): TransactionDriver {
  const statements = new StatementCounter();
  const sequelize = new Sequelize(url, { dialect: 'postgres', logging: statements.add, pool: { max: connections } });
  return {
    root: sequelize,
    run: (work, ending) =>
      runInCallback(
        (inside) => sequelize.transaction(inside),
        (tx: Transaction) => work(tx, (text) => sequelize.query(text, { transaction: tx })),
        ending,
      ),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        sequelize.transaction({ transaction: tx as Transaction }, async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => sequelize.close(),
  };
}
