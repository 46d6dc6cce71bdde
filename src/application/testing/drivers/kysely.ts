import { CompiledQuery, type ControlledTransaction, Kysely, PostgresDialect, type Transaction } from 'kysely';
import type { TransactionLike } from '../../../postgres/transaction-handle.ts';
import {
  type DriverOptions,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  type TransactionEnding,
  type TransactionWork,
} from '../transaction-driver.ts';
import { openPool } from './pg.ts';

type KyselyRun = (db: Kysely<unknown>, work: TransactionWork, ending: TransactionEnding) => Promise<TransactionLike>;

export function driveKysely(options: DriverOptions): TransactionDriver {
  return driveKyselyBy(runKysely, options);
}

export function driveKyselyControlled(options: DriverOptions): TransactionDriver {
  return driveKyselyBy(runKyselyControlled, options);
}

function driveKyselyBy(run: KyselyRun, options: DriverOptions): TransactionDriver {
  const statements = new StatementCounter();
  const db = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: openPool(options) }),
    log: statements.add,
  });
  return {
    root: db,
    run: (work, ending) => run(db, work, ending),
    async rollBackSavepoint(tx, work) {
      const outer = tx as Transaction<unknown>;
      await outer.executeQuery(CompiledQuery.raw('savepoint inner_part'));
      await work(outer);
      await outer.executeQuery(CompiledQuery.raw('rollback to savepoint inner_part'));
    },
    autocommit: (work) => db.connection().execute(work),
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

const runKysely: KyselyRun = (db, work, ending) =>
  runInCallback(
    (inside) => db.transaction().execute(inside),
    (tx: Transaction<unknown>) => work(tx, (text) => tx.executeQuery(CompiledQuery.raw(text))),
    ending,
  );

const runKyselyControlled: KyselyRun = async (db, work, ending) => {
  const tx: ControlledTransaction<unknown> = await db.startTransaction().execute();
  try {
    await work(tx, (text) => tx.executeQuery(CompiledQuery.raw(text)));
    await (ending === 'commit' ? tx.commit() : tx.rollback()).execute();
  } catch (error) {
    if (!tx.isCommitted && !tx.isRolledBack) {
      await tx
        .rollback()
        .execute()
        .catch(() => undefined);
    }
    throw error;
  }
  return tx;
};
