/*
 * Recognises the transaction objects of database clients and query builders by their structure, without importing any of
 * them, and gives each the same small interface. What each promises was read in the released code:
 *   pg 8         Client and PoolClient run statements on one connection; Pool on any. `getTransactionStatus()` is the status
 *                byte of the last ReadyForQuery, so it is current only while no query is under way (`readyForQuery`).
 *   Drizzle 0.45 `db.transaction(tx => …)`: the tx alone has `rollback`; `session.client` is the pg client below it.
 *   Kysely 0.29  `Transaction.isTransaction` is true; after the end its queries throw, naming how it ended.
 */

/** Whose transaction object it is. */
export type TransactionHandleKind = 'pg' | 'drizzle' | 'kysely';

/** What the client itself knows at this moment. `unknown`: only the server can tell. */
export type TransactionState = 'in-transaction' | 'not-in-transaction' | 'failed' | 'unknown';

/** How a transaction ended. */
export type TransactionEnd = 'committed' | 'rolled-back';

/** A row of a result, by the names of its columns. */
export type ResultRow = Readonly<Record<string, unknown>>;

/** One transaction object of the application, or a root object that stands for any connection. Lent, never closed. */
export interface TransactionHandle {
  readonly kind: TransactionHandleKind;
  /** A pool or root database object: each statement may run on another connection and commits by itself. */
  readonly isRoot: boolean;
  /** The object stands for a single transaction, and for nothing after its end. A pg client lives through many. */
  readonly isSingleTransaction: boolean;
  /**
   * What a transaction can be remembered by: the object itself, or, for a client of a pool, its present lease, because the
   * same client serves one caller after another. Never kept alive by whoever remembers.
   */
  readonly identity: object;
  /** Asked anew at each access. */
  readonly transactionState: TransactionState;
  /**
   * Runs one statement with `$1`-style parameters (text, null or bytes) where the object runs its own.
   * Rejects with the driver's own error; wrappers that quote the parameters are taken off.
   */
  query(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<readonly ResultRow[]>;
  /** How the transaction ended, if that is what `thrown` by `query` says. */
  readEnd(thrown: unknown): TransactionEnd | undefined;
}

type AnyFunction = (...args: never) => unknown;

/** `Client` and `PoolClient` of pg, by what its `Pool` lacks. */
export interface PgClientLike {
  readonly query: AnyFunction;
  readonly escapeIdentifier: AnyFunction;
}

/** The `tx` of Drizzle's `db.transaction`, by what `db` lacks. */
export interface DrizzleTransactionLike {
  readonly execute: AnyFunction;
  readonly rollback: AnyFunction;
  readonly setTransaction: AnyFunction;
}

/** `Transaction` and `ControlledTransaction` of Kysely, by what `Kysely` lacks. */
export interface KyselyTransactionLike {
  readonly executeQuery: AnyFunction;
  readonly isTransaction: true;
}

/** What may be passed where a transaction is asked for. Pools and root objects do not fit this type. */
export type TransactionLike = PgClientLike | DrizzleTransactionLike | KyselyTransactionLike;

/** Undefined: no object of a kind that is known here. Runs nothing. */
export function recognizeTransactionHandle(candidate: unknown): TransactionHandle | undefined {
  if (!isObject(candidate)) return undefined;
  return recognizeKysely(candidate) ?? recognizeDrizzle(candidate) ?? recognizePg(candidate);
}

interface PgQueryable {
  query(text: string, parameters: readonly unknown[]): Promise<unknown>;
}

function recognizePg(candidate: object): TransactionHandle | undefined {
  const isClient = isPgClient(candidate);
  if (!isClient && !isPgPool(candidate)) return undefined;
  return {
    kind: 'pg',
    isRoot: !isClient,
    isSingleTransaction: false,
    // The pool gives a client a new `release` each time it lends it.
    identity: 'release' in candidate && typeof candidate.release === 'function' ? candidate.release : candidate,
    get transactionState() {
      return isClient ? readPgState(candidate) : 'unknown';
    },
    query: async (text, parameters) => readRows(await candidate.query(text, parameters)),
    readEnd: () => undefined,
  };
}

function isPgClient(candidate: object): candidate is PgQueryable {
  return hasFunction(candidate, 'query') && hasFunction(candidate, 'escapeIdentifier');
}

function isPgPool(candidate: object): candidate is PgQueryable {
  return hasFunction(candidate, 'query') && hasFunction(candidate, 'connect') && 'totalCount' in candidate;
}

function readPgState(client: object): TransactionState {
  // With a query under way, the status is that of a moment before it: a COMMIT may be among what is sent already.
  if (!('readyForQuery' in client) || client.readyForQuery !== true) return 'unknown';
  if (!hasFunction(client, 'getTransactionStatus')) return 'unknown';
  switch (client.getTransactionStatus()) {
    case 'T':
      return 'in-transaction';
    case 'E':
      return 'failed';
    case 'I':
      return 'not-in-transaction';
    default:
      return 'unknown';
  }
}

/** The part of Drizzle's `SQLWrapper` that `execute` asks for: an object that builds its own text. */
interface DrizzleStatement {
  getSQL(): { toQuery(): { readonly sql: string; readonly params: readonly unknown[] } };
}

interface DrizzleDatabase {
  readonly session: object;
  execute(statement: DrizzleStatement): Promise<unknown>;
}

function recognizeDrizzle(candidate: object): TransactionHandle | undefined {
  if (!isDrizzle(candidate)) return undefined;
  const client: unknown = 'client' in candidate.session ? candidate.session.client : undefined;
  const isRoot = !hasFunction(candidate, 'rollback');
  if (!isRoot && !(isObject(client) && isPgClient(client))) return undefined;
  return {
    kind: 'drizzle',
    isRoot,
    isSingleTransaction: !isRoot,
    identity: candidate,
    get transactionState() {
      return !isRoot && isObject(client) ? readPgState(client) : 'unknown';
    },
    async query(text, parameters) {
      const statement = { getSQL: () => ({ toQuery: () => ({ sql: text, params: parameters }) }) };
      try {
        return readRows(await candidate.execute(statement));
      } catch (thrown) {
        throw takeOffDrizzleError(thrown);
      }
    },
    readEnd: () => undefined,
  };
}

function isDrizzle(candidate: object): candidate is DrizzleDatabase {
  if (!hasFunction(candidate, 'execute') || !hasFunction(candidate, 'transaction')) return false;
  return 'dialect' in candidate && 'session' in candidate && isObject(candidate.session);
}

/** Drizzle's own error quotes all parameters in its message. */
function takeOffDrizzleError(thrown: unknown): unknown {
  const isWrapper = thrown instanceof Error && 'params' in thrown && thrown.cause instanceof Error;
  return isWrapper ? thrown.cause : thrown;
}

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
}

function recognizeKysely(candidate: object): TransactionHandle | undefined {
  if (!isKysely(candidate)) return undefined;
  return {
    kind: 'kysely',
    isRoot: !candidate.isTransaction,
    isSingleTransaction: candidate.isTransaction,
    identity: candidate,
    transactionState: 'unknown',
    async query(text, parameters) {
      const query = { kind: 'RawNode', sqlFragments: [text], parameters: [] };
      return readRows(
        await candidate.executeQuery({ query, queryId: { queryId: 'headwater' }, sql: text, parameters }),
      );
    },
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

function readRows(result: unknown): readonly ResultRow[] {
  if (!isObject(result) || !('rows' in result) || !Array.isArray(result.rows)) return [];
  return result.rows.filter(isResultRow);
}

function isResultRow(row: unknown): row is ResultRow {
  return isObject(row);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasFunction<Name extends string>(value: object, name: Name): value is Record<Name, () => unknown> {
  return typeof Reflect.get(value, name) === 'function';
}
