import { MikroORM, type SqlEntityManager } from '@mikro-orm/postgresql';
import type { Client, Pool } from 'pg';
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

type MikroOrmRun = (orm: MikroORM, work: TransactionWork, ending: TransactionEnding) => Promise<TransactionLike>;

export function driveMikroOrm(options: DriverOptions): Promise<TransactionDriver> {
  return driveMikroOrmBy(runMikroOrm, options);
}

export function driveMikroOrmGlobal(options: DriverOptions): Promise<TransactionDriver> {
  return driveMikroOrmBy(runMikroOrmGlobal, options);
}

async function driveMikroOrmBy(run: MikroOrmRun, { url, connections = 2 }: DriverOptions): Promise<TransactionDriver> {
  const statements = new StatementCounter();
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    pool: { max: connections },
    logger: () => undefined,
    driverOptions: { onPoolCreated: (pool: Pool) => countStatements(pool, statements) },
  });
  return {
    root: orm.em,
    run: (work, ending) => run(orm, work, ending),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        (tx as SqlEntityManager).transactional(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => orm.close(),
  };
}

const runMikroOrm: MikroOrmRun = (orm, work, ending) =>
  runInCallback(
    (inside) => orm.em.fork().transactional(inside),
    (tx: SqlEntityManager) => work(tx, (text) => tx.execute(text)),
    ending,
  );

/** The manager that is not forked stands for the transaction around the call. */
const runMikroOrmGlobal: MikroOrmRun = (orm, work, ending) =>
  runInCallback(
    (inside) => orm.em.transactional(() => inside(orm.em)),
    (tx: SqlEntityManager) => work(tx, (text) => tx.execute(text)),
    ending,
  );

/** Below MikroORM: its own log knows only what goes through its `execute`. */
function countStatements(pool: Pool, { add }: StatementCounter): void {
  pool.on('connect', (client: Client) => {
    const query = client.query.bind(client);
    Object.assign(client, {
      query: (...args: Parameters<typeof query>) => {
        add();
        return query(...args);
      },
    });
  });
}
