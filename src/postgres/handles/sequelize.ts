import type { DatabaseHandle } from '../database-handle.ts';
import type { ResultRow, TransactionEnd, TransactionHandle } from '../transaction-handle.ts';
import { hasFunction, isObject, readRows } from './structure.ts';

interface SequelizeQueryOptions {
  readonly bind: readonly unknown[];
  readonly transaction: object | null;
  /** The rows alone, as they came. */
  readonly type: 'SELECT';
  /** With its option `replication` what is a SELECT by type goes to the others, outside of a transaction. */
  readonly useMaster: true;
  readonly raw: true;
}

interface Sequelize {
  query(text: string, options: SequelizeQueryOptions): Promise<unknown>;
  transaction<Result>(
    options: { readonly isolationLevel?: string },
    work: (transaction: unknown) => Promise<Result>,
  ): Promise<Result>;
}

interface SequelizeTransaction {
  readonly sequelize: Sequelize;
}

/** A `Transaction`, nested ones too, or the `Sequelize` object; undefined for another database than PostgreSQL. */
export function recognizeSequelizeTransaction(candidate: object): TransactionHandle | undefined {
  const isRoot = isSequelize(candidate);
  if (!isRoot && !isSequelizeTransaction(candidate)) return undefined;
  const sequelize = isRoot ? candidate : candidate.sequelize;
  return {
    kind: 'sequelize',
    isRoot,
    isSingleTransaction: !isRoot,
    identity: candidate,
    transactionState: 'unknown',
    query: (text, parameters) => executeText(sequelize, { text, parameters, transaction: isRoot ? null : candidate }),
    readEnd: readSequelizeEnd,
  };
}

function isSequelize(candidate: object): candidate is Sequelize {
  if (!hasFunction(candidate, 'query') || !hasFunction(candidate, 'getQueryInterface')) return false;
  return hasFunction(candidate, 'getDialect') && candidate.getDialect() === 'postgres';
}

function isSequelizeTransaction(candidate: object): candidate is SequelizeTransaction {
  if (!hasFunction(candidate, 'commit') || !hasFunction(candidate, 'afterCommit')) return false;
  return 'sequelize' in candidate && isObject(candidate.sequelize) && isSequelize(candidate.sequelize);
}

function readSequelizeEnd(thrown: unknown): TransactionEnd | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const ending = /^(commit|rollback) has been called on this transaction\(/.exec(thrown.message)?.[1];
  if (ending === undefined) return undefined;
  return ending === 'commit' ? 'committed' : 'rolled-back';
}

/** The `Sequelize` object. Reads nothing behind a commit: its pool lends another connection by then. */
export function recognizeSequelizeDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isSequelize(candidate)) return undefined;
  return {
    kind: 'sequelize',
    hasCommitHooks: true,
    ...(isReplicated(candidate) ? { readsElsewhere: true } : {}),
    // Null, not undefined: with CLS the latter is the transaction that runs around the call.
    query: (text, parameters) => executeText(candidate, { text, parameters, transaction: null }),
    async transaction({ isolationLevel }, work) {
      const options = isolationLevel === undefined ? {} : { isolationLevel: isolationLevel.toUpperCase() };
      return { result: await candidate.transaction(options, work), commitTag: undefined, after: undefined };
    },
  };
}

function isReplicated(sequelize: Sequelize): boolean {
  const options: unknown = Reflect.get(sequelize, 'options');
  return isObject(options) && isObject(Reflect.get(options, 'replication'));
}

interface SequelizeStatement {
  readonly text: string;
  readonly parameters: readonly unknown[];
  readonly transaction: object | null;
}

async function executeText(
  sequelize: Sequelize,
  { text, parameters, transaction }: SequelizeStatement,
): Promise<readonly ResultRow[]> {
  try {
    const options = { bind: parameters, transaction, type: 'SELECT', useMaster: true, raw: true } as const;
    return readRows(await sequelize.query(text, options));
  } catch (thrown) {
    throw takeOffSequelizeError(thrown);
  }
}

/** Sequelize's own error carries all parameters, and it hangs them on the driver's error, too. */
function takeOffSequelizeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('original' in thrown) || !(thrown.original instanceof Error)) return thrown;
  Reflect.deleteProperty(thrown.original, 'parameters');
  return thrown.original;
}
