import type { DatabaseHandle, IsolationLevel } from '../database-handle.ts';
import type { TransactionHandle } from '../transaction-handle.ts';
import { recognizeKyselyDatabase, recognizeKyselyTransaction } from './kysely.ts';
import { hasFunction, isObject } from './structure.ts';

interface MikroOrmManager {
  /** The transaction of Kysely that the manager works in: its own, or that around the call for a manager that is not forked. */
  getTransactionContext(): unknown;
  getConnection(type: 'write'): unknown;
  transactional<Result>(
    work: (transaction: unknown) => Promise<Result>,
    options: { readonly isolationLevel?: IsolationLevel },
  ): Promise<Result>;
}

/** An `EntityManager` inside or outside of a transaction; undefined for a database without SQL. */
export function recognizeMikroOrmTransaction(candidate: object): TransactionHandle | undefined {
  if (!isMikroOrm(candidate)) return undefined;
  const context = candidate.getTransactionContext();
  const transaction = isObject(context) ? recognizeKyselyTransaction(context) : undefined;
  if (transaction !== undefined) return { ...transaction, kind: 'mikro-orm' };
  const root = readClient(candidate);
  return root === undefined ? undefined : { ...root, kind: 'mikro-orm', identity: candidate };
}

function isMikroOrm(candidate: object): candidate is MikroOrmManager {
  return (
    hasFunction(candidate, 'getTransactionContext') &&
    hasFunction(candidate, 'transactional') &&
    hasFunction(candidate, 'getConnection')
  );
}

/** The Kysely below the manager. Statements go to it as they are; the manager's own `execute` writes parameters into the text. */
function readClient(manager: MikroOrmManager): TransactionHandle | undefined {
  const client = readKysely(manager);
  return client === undefined ? undefined : recognizeKyselyTransaction(client);
}

function readKysely(manager: MikroOrmManager): object | undefined {
  const connection = manager.getConnection('write');
  if (!isObject(connection) || !hasFunction(connection, 'getClient')) return undefined;
  const client = connection.getClient();
  return isObject(client) ? client : undefined;
}

/** An `EntityManager` outside of a transaction. Reads nothing behind a commit: its pool lends another connection by then. */
export function recognizeMikroOrmDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isMikroOrm(candidate) || candidate.getTransactionContext() !== undefined) return undefined;
  const client = readKysely(candidate);
  const database = client === undefined ? undefined : recognizeKyselyDatabase(client);
  if (database === undefined) return undefined;
  return {
    kind: 'mikro-orm',
    hasCommitHooks: true,
    query: (text, parameters) => database.query(text, parameters),
    async flush(transaction) {
      if (isObject(transaction) && hasFunction(transaction, 'flush')) await transaction.flush();
    },
    async transaction({ isolationLevel }, work) {
      const options = isolationLevel === undefined ? {} : { isolationLevel };
      return { result: await candidate.transactional(work, options), commitTag: undefined, after: undefined };
    },
  };
}
