import type { ResultRow, TransactionHandleKind } from './transaction-handle.ts';

/** As PostgreSQL names them. https://www.postgresql.org/docs/18/transaction-iso.html */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** How one transaction is to be run. */
export interface TransactionRunOptions {
  /** Default: what the session has, `read committed` where nobody changed it. */
  readonly isolationLevel?: IsolationLevel | undefined;
  /**
   * A statement without parameters that runs first in the transaction, in one message with BEGIN. A client that cannot have
   * that leaves it out; see `runsAfterBegin`.
   */
  readonly afterBegin?: string | undefined;
  /** A statement without parameters that is read behind the COMMIT on the same connection, where the client lets that be done. */
  readonly afterCommit?: string | undefined;
}

/** A transaction whose COMMIT was answered without an error. PostgreSQL does that for one that had failed, too. */
export interface TransactionRun<Result> {
  readonly result: Result;
  /** The command tag of the answer: `COMMIT`, or `ROLLBACK` where the transaction had failed. Undefined: the client hides it. */
  readonly commitTag: string | undefined;
  /** The rows of `afterCommit`. Undefined: this client gives no connection back for it; `query` may then run on another one. */
  readonly after: readonly ResultRow[] | undefined;
}

/**
 * A pool or root object of a client library: what transactions are begun on. Lent, never closed. The counterpart of
 * `TransactionHandle`, recognised by structure as that is.
 */
export interface DatabaseHandle {
  readonly kind: TransactionHandleKind;
  /** Whether `afterBegin` is run. Absent: whoever begins runs it as the first statement. */
  readonly runsAfterBegin?: true;
  /**
   * The library runs hooks of the application behind the COMMIT, within `transaction`. Nothing tells what a hook throws from an error of
   * the COMMIT: whoever must know asks the server.
   */
  readonly hasCommitHooks?: true;
  /** The application's own reads through this object go to other servers than `query` does. */
  readonly readsElsewhere?: true;
  /** Writes now what the library would write between the end of `work` and the COMMIT. Absent: it keeps nothing back. */
  flush?(transaction: unknown): Promise<void>;
  /** Runs one statement on any connection, outside of every transaction; `$1`-style parameters. */
  query(text: string, parameters: readonly (string | null | Uint8Array)[]): Promise<readonly ResultRow[]>;
  /**
   * Begins a transaction in the library's own way, gives `work` the library's own transaction object, commits when it
   * resolves and rolls back when it rejects, with its error. An error that comes after `work` resolved is one of the COMMIT, or of what
   * the library runs around it: see `hasCommitHooks`. `begunCount`: the rows that `afterBegin` gave or wrote; undefined where it was not run.
   */
  transaction<Result>(
    options: TransactionRunOptions,
    work: (transaction: unknown, begunCount?: number) => Promise<Result>,
  ): Promise<TransactionRun<Result>>;
}

/** For clients whose transactions are begun by statement. */
export function beginStatement(isolationLevel: IsolationLevel | undefined): string {
  return isolationLevel === undefined ? 'begin' : `begin isolation level ${isolationLevel}`;
}
