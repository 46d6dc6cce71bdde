import { assertInvariant } from '../../foundation/assert.ts';
import { beginStatement, type DatabaseHandle, type TransactionRun } from '../database-handle.ts';
import type { ResultRow, TransactionHandle, TransactionState } from '../transaction-handle.ts';
import { hasFunction, isObject, readRows } from './structure.ts';

interface PgQueryable {
  query(text: string, parameters?: readonly unknown[]): Promise<unknown>;
}

/** A `Client`, a `PoolClient`, or a `Pool`, which is a root object. */
export function recognizePgTransaction(candidate: object): TransactionHandle | undefined {
  if (isPgClient(candidate)) return new PgTransaction(candidate, false);
  return isPgPool(candidate) ? new PgTransaction(candidate, true) : undefined;
}

/** A class, for one is made in each transaction: an object with an accessor of its own takes ten times as long to make. */
class PgTransaction implements TransactionHandle {
  readonly kind = 'pg';
  readonly isRoot: boolean;
  readonly isSingleTransaction = false;
  readonly identity: object;
  readonly #queryable: PgQueryable;

  constructor(queryable: PgQueryable, isRoot: boolean) {
    this.isRoot = isRoot;
    this.identity = leaseOf(queryable) ?? queryable;
    this.#queryable = queryable;
  }

  get transactionState(): TransactionState {
    return this.isRoot ? 'unknown' : readPgState(this.#queryable);
  }

  async query(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<readonly ResultRow[]> {
    return readRows(await this.#queryable.query(text, parameters));
  }

  async count(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<number> {
    const count = countOf(await this.#queryable.query(text, parameters));
    assertInvariant(count !== undefined, 'pg says how many rows a statement wrote');
    return count;
  }

  readEnd(): undefined {
    return undefined;
  }
}

/** The pool gives a client a new `release` each time it lends it. */
export function leaseOf(client: object): object | undefined {
  const release: unknown = 'release' in client ? client.release : undefined;
  return typeof release === 'function' ? release : undefined;
}

/** A single connection of node-postgres. */
export function isPgClient(candidate: object): candidate is PgQueryable {
  return hasFunction(candidate, 'query') && hasFunction(candidate, 'escapeIdentifier');
}

function isPgPool(candidate: object): candidate is PgQueryable {
  return hasFunction(candidate, 'query') && hasFunction(candidate, 'connect') && 'totalCount' in candidate;
}

/** What the connection itself knows of its transaction. */
export function readPgState(client: object): TransactionState {
  // With a query under way, the status is that of a moment before it: a COMMIT may be among what is sent already.
  if (!('readyForQuery' in client) || client.readyForQuery !== true) return 'unknown';
  // Within the callback of a statement it shows itself ready, whatever waits behind that one, or was sent in its mode of pipelines.
  if (hasWaiting(client, '_queryQueue') || hasWaiting(client, '_sentQueryQueue')) return 'unknown';
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

function hasWaiting(client: object, queue: string): boolean {
  const statements: unknown = Reflect.get(client, queue);
  return Array.isArray(statements) && statements.length > 0;
}

/** A client that a pool has lent. */
interface PgPoolClient extends PgQueryable {
  release(destroy: boolean): void;
}

interface PgPool extends PgQueryable {
  connect(): Promise<PgPoolClient>;
}

/** A `Pool`: each transaction takes a client of its own and gives it back, or discards it when its state is not known. */
export function recognizePgDatabase(candidate: object): DatabaseHandle | undefined {
  if (!isPgPoolObject(candidate)) return undefined;
  return {
    kind: 'pg',
    runsAfterBegin: true,
    query: async (text, parameters) => readRows(await candidate.query(text, parameters)),
    async transaction(options, work) {
      const client = await candidate.connect();
      const endHearing = hearErrors(client);
      let isBroken = false;
      try {
        const { afterBegin, isolationLevel } = options;
        const begin = beginStatement(isolationLevel);
        const result = await runOrRollBack(client, async () => {
          const answers = await client.query(afterBegin === undefined ? begin : `${begin}; ${afterBegin}`);
          // Several statements in one message are answered by a list.
          return Array.isArray(answers) ? work(client, countOf(answers[1]) ?? 0) : work(client);
        });
        return await commitPg(client, options.afterCommit, result);
      } catch (thrown) {
        isBroken = readPgState(client) !== 'not-in-transaction';
        throw thrown;
      } finally {
        endHearing();
        client.release(isBroken);
      }
    },
  };
}

/**
 * A connection that ends tells of it twice: by the statement that fails, and by an event that would end the process where nobody
 * listens, for a pool does so only while it has not lent the client. Returns what ends the listening.
 */
export function hearErrors(client: object): () => void {
  if (!hasFunction(client, 'on') || !hasFunction(client, 'off')) return () => undefined;
  const ignore = (): void => undefined;
  Reflect.apply(client.on, client, ['error', ignore]);
  return () => void Reflect.apply(client.off, client, ['error', ignore]);
}

function isPgPoolObject(candidate: object): candidate is PgPool {
  return isPgPool(candidate);
}

async function runOrRollBack<Result>(client: PgPoolClient, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    // The error of the work is the one to report. A connection that cannot roll back is discarded, which rolls back.
    await client.query('rollback').catch(() => undefined);
    throw thrown;
  }
}

/** Both statements in one message, so that nothing lies between the commit and what is read behind it. */
async function commitPg<Result>(
  client: PgPoolClient,
  afterCommit: string | undefined,
  result: Result,
): Promise<TransactionRun<Result>> {
  const results: unknown = await client.query(afterCommit === undefined ? 'commit' : `commit; ${afterCommit}`);
  const answers: readonly unknown[] = Array.isArray(results) ? results : [results];
  return { result, commitTag: readCommandTag(answers[0]), after: readRows(answers[1]) };
}

/** Undefined for commands that have none, SET for one. */
function countOf(result: unknown): number | undefined {
  const count: unknown = isObject(result) ? Reflect.get(result, 'rowCount') : undefined;
  return typeof count === 'number' ? count : undefined;
}

function readCommandTag(result: unknown): string | undefined {
  return isObject(result) && 'command' in result && typeof result.command === 'string' ? result.command : undefined;
}
