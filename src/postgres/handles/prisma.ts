import type { DatabaseHandle, IsolationLevel } from '../database-handle.ts';
import type { ResultRow, TransactionEnd, TransactionHandle } from '../transaction-handle.ts';
import { hasFunction, readRows } from './structure.ts';

interface PrismaQueryable {
  $queryRawUnsafe(text: string, ...parameters: readonly unknown[]): PromiseLike<unknown>;
}

interface PrismaRoot extends PrismaQueryable {
  $transaction<Result>(
    work: (transaction: unknown) => Promise<Result>,
    options: { readonly isolationLevel?: string },
  ): Promise<Result>;
}

/** The `tx` of `prisma.$transaction`, nested ones too, or the `PrismaClient`. */
export function recognizePrismaTransaction(candidate: object): TransactionHandle | undefined {
  if (!isPrisma(candidate)) return undefined;
  const isRoot = isPrismaRoot(candidate);
  return {
    kind: 'prisma',
    isRoot,
    isSingleTransaction: !isRoot,
    identity: candidate,
    transactionState: 'unknown',
    query: (text, parameters) => executeText(candidate, text, parameters),
    readEnd: readPrismaEnd,
  };
}

function isPrisma(candidate: object): candidate is PrismaQueryable {
  return hasFunction(candidate, '$queryRawUnsafe') && hasFunction(candidate, '$executeRawUnsafe');
}

function isPrismaRoot(candidate: object): candidate is PrismaRoot {
  return isPrisma(candidate) && hasFunction(candidate, '$connect') && hasFunction(candidate, '$transaction');
}

/** P2028 is any error of the transactions of Prisma; only their texts tell them apart. */
function readPrismaEnd(thrown: unknown): TransactionEnd | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || thrown.code !== 'P2028') return undefined;
  if (thrown.message.includes('on a committed transaction')) return 'committed';
  if (thrown.message.includes('on a transaction that was rolled back')) return 'rolled-back';
  return 'ended';
}

/** A `PrismaClient`, extended ones too. Reads nothing behind a commit: its pool lends another connection by then. */
export function recognizePrismaDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isPrismaRoot(candidate)) return undefined;
  return {
    kind: 'prisma',
    query: (text, parameters) => executeText(candidate, text, parameters),
    async transaction({ isolationLevel }, work) {
      const options = isolationLevel === undefined ? {} : { isolationLevel: prismaLevels[isolationLevel] };
      return { result: await candidate.$transaction(work, options), commitTag: undefined, after: undefined };
    },
  };
}

const prismaLevels: Readonly<Record<IsolationLevel, string>> = {
  'read committed': 'ReadCommitted',
  'repeatable read': 'RepeatableRead',
  serializable: 'Serializable',
};

async function executeText(
  prisma: PrismaQueryable,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly ResultRow[]> {
  return readRows(await prisma.$queryRawUnsafe(text, ...parameters));
}
