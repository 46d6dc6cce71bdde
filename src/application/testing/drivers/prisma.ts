import {
  type DriverOptions,
  RolledBack,
  runInCallback,
  StatementCounter,
  type TransactionDriver,
  unlessRolledBack,
} from '../transaction-driver.ts';
import { createPrismaClient, type PrismaTransaction } from './prisma-client.ts';

export function drivePrisma({ url, connections = 2 }: DriverOptions): TransactionDriver {
  const statements = new StatementCounter();
  const prisma = createPrismaClient(url, connections);
  prisma.$on('query', statements.add);
  return {
    root: prisma,
    run: (work, ending) =>
      runInCallback(
        (inside) => prisma.$transaction(inside),
        (tx: PrismaTransaction) => work(tx, async (text) => tx.$executeRawUnsafe(text)),
        ending,
      ),
    rollBackSavepoint: (tx, work) =>
      unlessRolledBack(() =>
        (tx as PrismaTransaction).$transaction(async (inner) => {
          await work(inner);
          throw new RolledBack();
        }),
      ),
    countStatements: statements.take,
    [Symbol.asyncDispose]: () => prisma.$disconnect(),
  };
}
