import type { DatabaseHandle, IsolationLevel, TransactionRunOptions } from '../database-handle.ts';
import type { ResultRow, TransactionHandle } from '../transaction-handle.ts';
import { hearErrors, isPgClient, leaseOf, readPgState } from './pg.ts';
import { asTexts, isPostgresJsConnection, withoutPostgresJsParameters } from './postgres-js.ts';
import { hasFunction, isObject, isObjectOrFunction, readRows } from './structure.ts';

/** The part of Drizzle's `SQLWrapper` that `execute` asks for: an object that builds its own text. */
interface DrizzleStatement {
  getSQL(): { toQuery(): { readonly sql: string; readonly params: readonly unknown[] } };
}

interface DrizzleDatabase {
  readonly session: object;
  execute(statement: DrizzleStatement): Promise<unknown>;
  transaction<Result>(
    work: (transaction: unknown) => Promise<Result>,
    config?: { readonly isolationLevel: IsolationLevel },
  ): Promise<Result>;
}

/** The `tx` of `db.transaction`, or the root object; undefined for a transaction of another driver than these two. */
export function recognizeDrizzleTransaction(candidate: object): TransactionHandle | undefined {
  if (!isDrizzle(candidate)) return undefined;
  const client: unknown = 'client' in candidate.session ? candidate.session.client : undefined;
  const isRoot = !hasFunction(candidate, 'rollback');
  if (!isRoot && !(isObjectOrFunction(client) && (isPgClient(client) || isPostgresJsConnection(client))))
    return undefined;
  return {
    kind: 'drizzle',
    isRoot,
    isSingleTransaction: !isRoot,
    identity: candidate,
    get lease() {
      return isObject(client) ? leaseOf(client) : undefined;
    },
    get transactionState() {
      return !isRoot && isObject(client) ? readPgState(client) : 'unknown';
    },
    query: (text, parameters) => executeText(candidate, text, parameters),
    readEnd: () => undefined,
  };
}

/** The client below a transaction. */
function clientOf(transaction: unknown): object | undefined {
  const session: unknown = isObject(transaction) ? Reflect.get(transaction, 'session') : undefined;
  const client: unknown = isObject(session) ? Reflect.get(session, 'client') : undefined;
  return isObject(client) ? client : undefined;
}

function isDrizzle(candidate: object): candidate is DrizzleDatabase {
  if (!hasFunction(candidate, 'execute') || !hasFunction(candidate, 'transaction')) return false;
  return 'dialect' in candidate && 'session' in candidate && isObject(candidate.session);
}

/** Drizzle's own error quotes all parameters in its message. */
function takeOffDrizzleError(thrown: unknown): unknown {
  const isWrapper = thrown instanceof Error && 'params' in thrown && thrown.cause instanceof Error;
  return withoutPostgresJsParameters(isWrapper ? thrown.cause : thrown);
}

/** The object that `drizzle(…)` gives. Reads nothing behind a commit: its pool lends another client by then. */
export function recognizeDrizzleDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isDrizzle(candidate) || hasFunction(candidate, 'rollback')) return undefined;
  return {
    kind: 'drizzle',
    query: (text, parameters) => executeText(candidate, text, parameters),
    async transaction<Result>(
      { isolationLevel }: TransactionRunOptions,
      work: (transaction: unknown) => Promise<Result>,
    ) {
      const config = isolationLevel === undefined ? [] : [{ isolationLevel }];
      let endHearing = (): void => undefined;
      const begun = (transaction: unknown): Promise<Result> => {
        endHearing = hearErrors(clientOf(transaction) ?? {});
        return work(transaction);
      };
      try {
        return { result: await candidate.transaction(begun, ...config), commitTag: undefined, after: undefined };
      } finally {
        endHearing();
      }
    },
  };
}

async function executeText(
  database: DrizzleDatabase,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly ResultRow[]> {
  const params = asTexts(Reflect.get(database.session, 'client'), parameters);
  const statement = { getSQL: () => ({ toQuery: () => ({ sql: text, params }) }) };
  try {
    return readRows(await database.execute(statement));
  } catch (thrown) {
    throw takeOffDrizzleError(thrown);
  }
}
