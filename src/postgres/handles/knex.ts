import type { DatabaseHandle, IsolationLevel } from '../database-handle.ts';
import type { ResultRow, TransactionHandle } from '../transaction-handle.ts';
import { toQuestionMarks } from './question-marks.ts';
import { hasFunction, isObject, readRows } from './structure.ts';

interface Knex {
  readonly client: object;
  raw(text: string, bindings: readonly unknown[]): PromiseLike<unknown>;
  transaction<Result>(
    work: (transaction: unknown) => Promise<Result>,
    config: { readonly isolationLevel?: IsolationLevel },
  ): Promise<Result>;
}

/** A `Knex.Transaction`, nested ones too, or the root object; undefined for another database than PostgreSQL. */
export function recognizeKnexTransaction(candidate: object): TransactionHandle | undefined {
  if (!isKnex(candidate)) return undefined;
  const isRoot = !isKnexTransaction(candidate);
  return {
    kind: 'knex',
    isRoot,
    isSingleTransaction: !isRoot,
    identity: candidate,
    transactionState: 'unknown',
    query: (text, parameters) => executeText(candidate, text, parameters),
    readEnd: (thrown) =>
      thrown instanceof Error && thrown.message.startsWith('Transaction query already complete') ? 'ended' : undefined,
  };
}

function isKnex(candidate: object): candidate is Knex {
  if (typeof candidate !== 'function' || !hasFunction(candidate, 'raw') || !hasFunction(candidate, 'transaction')) {
    return false;
  }
  const client: unknown = Reflect.get(candidate, 'client');
  return isObject(client) && 'dialect' in client && client.dialect === 'postgresql';
}

function isKnexTransaction(candidate: object): boolean {
  return 'isTransaction' in candidate && candidate.isTransaction === true;
}

/** The object that `knex(…)` gives. Reads nothing behind a commit: its pool lends another connection by then. */
export function recognizeKnexDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isKnex(candidate) || isKnexTransaction(candidate)) return undefined;
  return {
    kind: 'knex',
    query: (text, parameters) => executeText(candidate, text, parameters),
    async transaction({ isolationLevel }, work) {
      const config = isolationLevel === undefined ? {} : { isolationLevel };
      return { result: await candidate.transaction(work, config), commitTag: undefined, after: undefined };
    },
  };
}

async function executeText(knex: Knex, text: string, parameters: readonly unknown[]): Promise<readonly ResultRow[]> {
  const statement = toQuestionMarks(text, parameters);
  return readRows(await knex.raw(statement.text, statement.parameters));
}
