import type { DatabaseHandle, IsolationLevel } from '../database-handle.ts';
import type { ResultRow, TransactionEnd, TransactionHandle } from '../transaction-handle.ts';
import { hasFunction, readRows } from './structure.ts';

/** A query that was compiled by hand, in the form that Kysely's compiler gives its own. */
interface KyselyCompiledQuery {
  readonly query: object;
  readonly queryId: object;
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

interface KyselyDatabase {
  readonly isTransaction: boolean;
  executeQuery(query: KyselyCompiledQuery): Promise<unknown>;
  transaction(): KyselyTransactionBuilder;
}

interface KyselyTransactionBuilder {
  setIsolationLevel(level: IsolationLevel): KyselyTransactionBuilder;
  execute<Result>(work: (transaction: unknown) => Promise<Result>): Promise<Result>;
}

/** A `Transaction`, a `ControlledTransaction`, or the root object. */
export function recognizeKyselyTransaction(candidate: object): TransactionHandle | undefined {
  if (!isKysely(candidate)) return undefined;
  return {
    kind: 'kysely',
    isRoot: !candidate.isTransaction,
    isSingleTransaction: candidate.isTransaction,
    identity: candidate,
    transactionState: 'unknown',
    query: (text, parameters) => executeText(candidate, text, parameters),
    readEnd: readKyselyEnd,
  };
}

function isKysely(candidate: object): candidate is KyselyDatabase {
  return (
    hasFunction(candidate, 'executeQuery') &&
    'isTransaction' in candidate &&
    typeof candidate.isTransaction === 'boolean'
  );
}

function readKyselyEnd(thrown: unknown): TransactionEnd | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (thrown.message === 'Transaction is already committed') return 'committed';
  return thrown.message === 'Transaction is already rolled back' ? 'rolled-back' : undefined;
}

/** The object that `new Kysely(…)` gives. Reads nothing behind a commit: its pool lends another client by then. */
export function recognizeKyselyDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isKysely(candidate) || candidate.isTransaction) return undefined;
  return {
    kind: 'kysely',
    query: (text, parameters) => executeText(candidate, text, parameters),
    async transaction({ isolationLevel }, work) {
      const builder = candidate.transaction();
      const begun = isolationLevel === undefined ? builder : builder.setIsolationLevel(isolationLevel);
      return { result: await begun.execute(work), commitTag: undefined, after: undefined };
    },
  };
}

async function executeText(
  database: KyselyDatabase,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly ResultRow[]> {
  const query = { kind: 'RawNode', sqlFragments: [text], parameters: [] };
  return readRows(await database.executeQuery({ query, queryId: { queryId: 'headwater' }, sql: text, parameters }));
}
