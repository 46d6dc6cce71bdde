import { HeadwaterError } from '../../foundation/error.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import type { DatabaseHandle } from '../../postgres/database-handle.ts';
import type { ResultRow, TransactionHandle } from '../../postgres/transaction-handle.ts';
import { runTransaction } from '../transact/run-transaction.ts';
import { judgeCommitAnswer } from '../transact/transaction-decisions.ts';
import { createConsumerStatements } from './consumer.sql.ts';
import { createHeldStatements } from './held.sql.ts';
import { createReceiptStatements, type Write } from './inbox.sql.ts';

type InboxStatements = ReturnType<typeof createReceiptStatements> &
  ReturnType<typeof createHeldStatements> &
  ReturnType<typeof createConsumerStatements>;

type Parameters = readonly (string | null | Uint8Array)[];

/** One transaction of an inbox. */
export interface InboxTransaction {
  /** The library's own object, for the handler. */
  readonly own: unknown;
  readonly handle: TransactionHandle;
  /** How many rows the statement behind BEGIN wrote; undefined where none was run there. */
  readonly begunCount: number | undefined;
  /** Runs a statement of ours. @throws HW-INBOX-007, or the driver's own error */
  run(text: string, parameters: Parameters): Promise<readonly ResultRow[]>;
  /** How many rows a statement of ours wrote. @throws as `run` */
  write(write: Write, parameters: Parameters): Promise<number>;
}

/** How a transaction of an inbox is run. */
export interface TransactionOptions<Result> {
  /** A statement without parameters that is sent together with BEGIN, by clients that can do that. */
  readonly afterBegin?: string | undefined;
  /** Asked behind COMMIT where the client hides its answer: whether what the transaction wrote is there. */
  readonly isKept?: (result: Result) => Promise<boolean>;
}

/** The tables of the inboxes in one database, through the application's own client library. */
export class InboxDatabase {
  readonly statements: InboxStatements;
  readonly schemaName: string;
  readonly #handle: DatabaseHandle;

  constructor(handle: DatabaseHandle, schemaName: string) {
    this.statements = {
      ...createReceiptStatements(schemaName),
      ...createHeldStatements(schemaName),
      ...createConsumerStatements(schemaName),
    };
    this.schemaName = schemaName;
    this.#handle = handle;
  }

  /** Runs one statement outside of every transaction. @throws HW-INBOX-007, or the driver's own error */
  async query(text: string, parameters: Parameters): Promise<readonly ResultRow[]> {
    try {
      return await this.#handle.query(text, parameters);
    } catch (thrown) {
      throw explain(thrown);
    }
  }

  /**
   * Runs `work` in a transaction. Resolves once it has committed.
   * @throws HW-INBOX-009 when COMMIT was answered by ROLLBACK, and whatever `work` or the driver throws
   */
  async transaction<Result>(
    work: (transaction: InboxTransaction) => Promise<Result>,
    { afterBegin, isKept = async () => true }: TransactionOptions<Result> = {},
  ): Promise<Result> {
    const answeredRollback = (): HeadwaterError => uncommitted('PostgreSQL answered ROLLBACK to COMMIT');
    let isBegun = false;
    try {
      const options = { afterBegin, uncommitted: answeredRollback };
      const { commitTag, result } = await runTransaction(this.#handle, options, (own, handle, begunCount) => {
        isBegun = true;
        return work({
          own,
          handle,
          begunCount,
          run: (text, parameters) => runIn(handle, text, parameters),
          write: (write, parameters) => writeIn(handle, write, parameters),
        });
      });
      if (judgeCommitAnswer(commitTag) === 'hidden' && !(await isKept(result))) throw answeredRollback();
      return result;
    } catch (thrown) {
      throw isBegun ? thrown : explain(thrown);
    }
  }
}

async function runIn(handle: TransactionHandle, text: string, parameters: Parameters): Promise<readonly ResultRow[]> {
  try {
    return await handle.query(text, parameters);
  } catch (thrown) {
    throw explain(thrown);
  }
}

async function writeIn(handle: TransactionHandle, write: Write, parameters: Parameters): Promise<number> {
  if (handle.count === undefined) return (await runIn(handle, write.returning, parameters)).length;
  try {
    return await handle.count(write.counted, parameters);
  } catch (thrown) {
    throw explain(thrown);
  }
}

/** The transaction of a message ended otherwise than by our COMMIT. */
export function uncommitted(reason: string, cause?: unknown): HeadwaterError {
  return new HeadwaterError('HW-INBOX-009', `the transaction of a message did not commit: ${reason}`, { cause });
}

function explain(thrown: unknown): unknown {
  const sqlState = sqlStateOf(thrown);
  if (sqlState === '25P02') return uncommitted('a statement of the handler had failed', thrown);
  const isMissing = sqlState === '42P01' || sqlState === '42703' || sqlState === '3F000';
  if (!isMissing && sqlState !== '42501') return thrown;
  const message = isMissing
    ? 'a table or column of the inbox is not there'
    : 'the role may not use the tables of the inbox';
  return new HeadwaterError('HW-INBOX-007', message, { cause: thrown, details: { sqlState: sqlState ?? null } });
}
