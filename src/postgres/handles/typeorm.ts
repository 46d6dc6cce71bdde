import type { DatabaseHandle } from '../database-handle.ts';
import type { ResultRow, TransactionHandle } from '../transaction-handle.ts';
import { hasFunction, isObject, readRows } from './structure.ts';

interface TypeOrmQueryable {
  query(text: string, parameters: readonly unknown[]): Promise<unknown>;
}

interface TypeOrmRunner extends TypeOrmQueryable {
  readonly isTransactionActive: boolean;
}

interface TypeOrmRoot extends TypeOrmQueryable {
  transaction<Result>(
    isolationLevel: string | ((transaction: unknown) => Promise<Result>),
    work?: (transaction: unknown) => Promise<Result>,
  ): Promise<Result>;
}

/** The `EntityManager` of a transaction, a `QueryRunner`, or a root: a `DataSource` or a manager without a runner. */
export function recognizeTypeOrmTransaction(candidate: object): TransactionHandle | undefined {
  if (isTypeOrmRunner(candidate)) return createHandle(candidate, candidate);
  if (!isTypeOrmRoot(candidate)) return undefined;
  const runner: unknown = Reflect.get(candidate, 'queryRunner');
  return createHandle(candidate, isObject(runner) && isTypeOrmRunner(runner) ? runner : undefined);
}

function createHandle(queryable: TypeOrmQueryable, runner: TypeOrmRunner | undefined): TransactionHandle | undefined {
  if (!isOfPostgres(queryable)) return undefined;
  return {
    kind: 'typeorm',
    isRoot: runner === undefined,
    // A runner can begin one transaction after the other, and refuses everything once it is released.
    isSingleTransaction: false,
    identity: runner ?? queryable,
    get transactionState() {
      return runner !== undefined && !runner.isTransactionActive ? 'not-in-transaction' : 'unknown';
    },
    query: (text, parameters) => executeText(runner ?? queryable, text, parameters),
    readEnd: (thrown) =>
      thrown instanceof Error && thrown.name.endsWith('AlreadyReleasedError') ? 'ended' : undefined,
  };
}

/** By the options of the data source of a manager or a runner, or of the object itself. */
function isOfPostgres(queryable: TypeOrmQueryable): boolean {
  // Before version 1 its name was `connection`.
  const owners: readonly unknown[] = [
    Reflect.get(queryable, 'dataSource'),
    Reflect.get(queryable, 'connection'),
    queryable,
  ];
  const owner = owners.find((candidate) => isObject(candidate) && hasFunction(candidate, 'createQueryRunner'));
  const options: unknown = isObject(owner) ? Reflect.get(owner, 'options') : undefined;
  return isObject(options) && 'type' in options && options.type === 'postgres';
}

function isTypeOrmRunner(candidate: object): candidate is TypeOrmRunner {
  return (
    hasFunction(candidate, 'query') && hasFunction(candidate, 'startTransaction') && 'isTransactionActive' in candidate
  );
}

function isTypeOrmRoot(candidate: object): candidate is TypeOrmRoot {
  return (
    hasFunction(candidate, 'query') && hasFunction(candidate, 'transaction') && hasFunction(candidate, 'getRepository')
  );
}

/** A `DataSource`, or its `manager`. Reads nothing behind a commit: its pool lends another connection by then. */
export function recognizeTypeOrmDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isTypeOrmRoot(candidate) || recognizeTypeOrmTransaction(candidate)?.isRoot !== true) return undefined;
  return {
    kind: 'typeorm',
    hasCommitHooks: true,
    query: (text, parameters) => executeText(candidate, text, parameters),
    async transaction({ isolationLevel }, work) {
      const result =
        isolationLevel === undefined
          ? await candidate.transaction(work)
          : await candidate.transaction(isolationLevel.toUpperCase(), work);
      return { result, commitTag: undefined, after: undefined };
    },
  };
}

async function executeText(
  queryable: TypeOrmQueryable,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly ResultRow[]> {
  try {
    return readRows(takeOffCount(await queryable.query(text, parameters)));
  } catch (thrown) {
    throw takeOffTypeOrmError(thrown);
  }
}

/** An UPDATE and a DELETE give the list of their rows and how many they met, everything else the list alone. */
function takeOffCount(result: unknown): unknown {
  const isPair = Array.isArray(result) && Array.isArray(result[0]) && typeof result[1] === 'number';
  return isPair ? result[0] : result;
}

/** TypeORM's own error carries all parameters. */
function takeOffTypeOrmError(thrown: unknown): unknown {
  return thrown instanceof Error && 'driverError' in thrown && thrown.driverError instanceof Error
    ? thrown.driverError
    : thrown;
}
