import { DataSource, type EntityManager, type Logger, type QueryRunner } from 'typeorm';
import type { TransactionLike } from '../../../postgres/transaction-handle.ts';
import {
  type DriverOptions,
  RolledBack,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  type TransactionEnding,
  type TransactionWork,
  unlessRolledBack,
} from '../transaction-driver.ts';

type TypeOrmRun = (
  dataSource: DataSource,
  work: TransactionWork,
  ending: TransactionEnding,
) => Promise<TransactionLike>;

export function driveTypeOrm(options: DriverOptions): Promise<TransactionDriver> {
  return driveTypeOrmBy(runTypeOrm, options);
}

export function driveTypeOrmRunner(options: DriverOptions): Promise<TransactionDriver> {
  return driveTypeOrmBy(runTypeOrmRunner, options);
}

async function driveTypeOrmBy(run: TypeOrmRun, { url, connections = 2 }: DriverOptions): Promise<TransactionDriver> {
  const statements = new StatementCounter();
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    logger: countingLogger(statements),
    poolSize: connections,
    poolErrorHandler: () => undefined,
  });
  await dataSource.initialize();
  return {
    root: dataSource,
    run: (work, ending) => run(dataSource, work, ending),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        managerOf(tx).transaction(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    async autocommit(work) {
      const runner = dataSource.createQueryRunner();
      try {
        await work(runner.manager);
      } finally {
        await runner.release();
      }
    },
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => dataSource.destroy(),
  };
}

const runTypeOrm: TypeOrmRun = (dataSource, work, ending) =>
  runInCallback(
    (inside) => dataSource.transaction(inside),
    (tx: EntityManager) => work(tx, (text) => tx.query(text)),
    ending,
  );

const runTypeOrmRunner: TypeOrmRun = async (dataSource, work, ending) => {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    await work(runner, (text) => runner.query(text));
    await (ending === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
  } catch (error) {
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  } finally {
    await runner.release();
  }
  return runner;
};

function managerOf(tx: TransactionLike): EntityManager {
  return 'manager' in tx ? (tx as QueryRunner).manager : (tx as EntityManager);
}

function countingLogger({ add }: StatementCounter): Logger {
  const ignore = (): void => undefined;
  return {
    logQuery: add,
    logQueryError: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };
}
