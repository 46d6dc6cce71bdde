import type { DatabaseHandle } from '../database-handle.ts';
import type { ResultRow, TransactionHandle } from '../transaction-handle.ts';
import { hasFunction, readRows } from './structure.ts';

/** A query that waits until it is executed or awaited. */
interface PostgresJsQuery extends PromiseLike<unknown> {
  execute(): PromiseLike<unknown>;
}

interface PostgresJsSql {
  unsafe(text: string, parameters: readonly unknown[], options: { readonly prepare: boolean }): PostgresJsQuery;
  typed(value: string, type: number): unknown;
}

interface PostgresJsRoot extends PostgresJsSql {
  begin<Result>(options: string, work: (transaction: unknown) => Promise<Result>): Promise<Result>;
}

/** The `tx` of `sql.begin` or of a savepoint, a reserved connection, or the root `sql`. */
export function recognizePostgresJsTransaction(candidate: object): TransactionHandle | undefined {
  if (!isPostgresJs(candidate)) return undefined;
  return {
    kind: 'postgres.js',
    isRoot: !isPostgresJsConnection(candidate),
    isSingleTransaction: hasFunction(candidate, 'savepoint'),
    identity: candidate,
    transactionState: 'unknown',
    query: (text, parameters) => executeText(candidate, text, parameters),
    readEnd: () => undefined,
  };
}

/** What runs all its statements on one connection. */
export function isPostgresJsConnection(candidate: object): boolean {
  return isPostgresJs(candidate) && (hasFunction(candidate, 'savepoint') || hasFunction(candidate, 'release'));
}

function isPostgresJs(candidate: object): candidate is PostgresJsSql {
  return typeof candidate === 'function' && hasFunction(candidate, 'unsafe') && hasFunction(candidate, 'typed');
}

/**
 * The root `sql`. Reads nothing behind a commit: what `sql.reserve()` gives could, but has no `savepoint`, and is not what
 * users of `sql.begin` know.
 */
export function recognizePostgresJsDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isPostgresJsRoot(candidate)) return undefined;
  return {
    kind: 'postgres.js',
    query: (text, parameters) => executeText(candidate, text, parameters),
    async transaction({ isolationLevel }, work) {
      const result = await candidate.begin(
        isolationLevel === undefined ? '' : `isolation level ${isolationLevel}`,
        work,
      );
      return { result, commitTag: undefined, after: undefined };
    },
  };
}

function isPostgresJsRoot(candidate: object): candidate is PostgresJsRoot {
  return isPostgresJs(candidate) && hasFunction(candidate, 'begin');
}

/**
 * Prepared, unless the options of the client forbid it, as its tagged templates are: otherwise each statement with
 * parameters takes two round trips.
 */
async function executeText(
  sql: PostgresJsSql,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly ResultRow[]> {
  try {
    return readRows(await sql.unsafe(text, asTexts(sql, parameters), { prepare: true }).execute());
  } catch (thrown) {
    throw withoutPostgresJsParameters(thrown);
  }
}

/** OID of the type that PostgreSQL takes for none that was stated: it finds out by itself. */
const unknownTypeOid = 705;

/**
 * Texts that go out as they are. Of a bare one postgres.js asks the server for the type and writes it once more as that: JSON as a string
 * within JSON, a time without its microseconds, `true` as false.
 */
export function asTexts(client: unknown, parameters: readonly unknown[]): readonly unknown[] {
  if (typeof client !== 'function' || !isPostgresJs(client)) return parameters;
  return parameters.map((value) => (typeof value === 'string' ? client.typed(value, unknownTypeOid) : value));
}

/** The same error without the parameters, which postgres.js hangs on it for good, and shows with its option `debug`. */
export function withoutPostgresJsParameters(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('parameters' in thrown)) return thrown;
  const {
    parameters: _parameters,
    args: _args,
    ...kept
  } = Object.getOwnPropertyDescriptors(thrown) as PropertyDescriptorMap;
  return Object.create(Reflect.getPrototypeOf(thrown), kept);
}
