import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { HeadwaterError } from '../../../foundation/error.ts';
import { toSqliteError } from './sqlite-error.ts';

/** A row as SQLite gives it: integers are bigints. */
export type SqliteRow = Readonly<Record<string, SQLOutputValue>>;

/** Statements that are kept ready. A mirror has few for each table. */
const preparedMax = 500;

/**
 * One connection. Every call is done when it returns; none waits for a lock of others, because the lane waits better.
 * @throws HW-SINK-003, 005, 007, 009, HW-SQLITE-002, 003 from every call, by SQLite's result code
 */
export class SqliteSession {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Opens the file, or makes it. @throws HW-SINK-006 when its directory is missing, HW-SINK-003 without the right */
  static async open(file: string): Promise<SqliteSession> {
    await assertDirectory(dirname(file));
    let session: SqliteSession | undefined;
    try {
      session = new SqliteSession(new DatabaseSync(file, { timeout: 0 }));
      session.execute('opening the database', 'pragma journal_mode = wal');
      session.execute('opening the database', 'pragma synchronous = full');
      return session;
    } catch (thrown) {
      session?.close();
      throw toSqliteError(thrown, file);
    }
  }

  /** Takes the right to write, so that nothing can come between what is read and what is written. */
  begin(): void {
    this.execute('beginning a transaction', 'begin immediate');
    // Constraints are checked at the end, when the whole source transaction is there.
    this.execute('beginning a transaction', 'pragma defer_foreign_keys = on');
  }

  commit(): void {
    this.execute('committing', 'commit');
  }

  /** Legal in any state. What fails here is met by the next call. */
  rollback(): void {
    if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('rollback');
  }

  get isInTransaction(): boolean {
    return this.#database.isTransaction;
  }

  execute(subject: string, text: string): void {
    guard(subject, () => this.#database.exec(text));
  }

  /** Runs one statement; returns how many rows it changed. */
  run(subject: string, text: string, values: readonly SQLInputValue[] = []): number {
    try {
      return Number(this.#prepare(text).run(...values).changes);
    } catch (thrown) {
      throw toSqliteError(thrown, subject);
    }
  }

  all(subject: string, text: string, values: readonly SQLInputValue[] = []): readonly SqliteRow[] {
    return guard(subject, () => {
      const statement = this.#prepare(text);
      statement.setReadBigInts(true);
      return statement.all(...values);
    });
  }

  /** The part of a text that SQLite takes for its first statement. */
  firstStatement(subject: string, text: string): string {
    return guard(subject, () => this.#prepare(text).sourceSQL);
  }

  close(): void {
    this.#prepared.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(text: string): StatementSync {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(text);
    if (this.#prepared.size >= preparedMax) this.#prepared.clear();
    this.#prepared.set(text, statement);
    return statement;
  }
}

async function assertDirectory(directory: string): Promise<void> {
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    const isMissing = thrown instanceof Error && 'code' in thrown && /^ENO(?:ENT|TDIR)$/.test(String(thrown.code));
    throw HeadwaterError.from(thrown, isMissing ? 'HW-SINK-006' : 'HW-SINK-003', directory);
  }
}

function guard<Result>(subject: string, run: () => Result): Result {
  try {
    return run();
  } catch (thrown) {
    throw toSqliteError(thrown, subject);
  }
}
