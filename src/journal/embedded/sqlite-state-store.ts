import { DatabaseSync, type StatementSync } from 'node:sqlite';

import { HeadwaterError } from '../../foundation/error.ts';
import type { StateDurability, StateEdit, StateStore } from '../state-store.ts';

/** The version of the tables below, kept in `user_version`. */
const stateVersion = 1;
const busyErrorCode = 5;
const fullErrorCode = 13;

/**
 * Opens the state file and takes its exclusive lock for as long as it stays open; a killed holder loses it by dying.
 * One flush for each flushed write: the write-ahead log, whose index lies in memory because nobody shares it.
 * @throws HW-JOURNAL-006 for a newer version, HW-JOURNAL-015 when the file cannot be opened
 */
export function openSqliteStateStore(path: string): StateStore | 'locked' {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('pragma locking_mode = exclusive');
    database.exec('pragma journal_mode = wal');
    database.exec('pragma synchronous = full');
    database.exec('begin exclusive');
    migrate(database, path);
    database.exec('commit');
    return new SqliteStateStore(database);
  } catch (error) {
    database?.close();
    if (error instanceof HeadwaterError) throw error;
    if (isBusy(error)) return 'locked';
    throw HeadwaterError.from(error, 'HW-JOURNAL-015', path);
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const row = database.prepare('pragma user_version').get();
  const version = Number(row?.['user_version']);
  if (version > stateVersion) {
    throw new HeadwaterError(
      'HW-JOURNAL-006',
      `${path} has state version ${version}; this release knows ${stateVersion}`,
    );
  }
  if (version === stateVersion) return;
  database.exec(
    'create table state (kind text not null, name text not null, value text not null, primary key (kind, name)) strict, without rowid',
  );
  database.exec(`pragma user_version = ${stateVersion}`);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === busyErrorCode;
}

class SqliteStateStore implements StateStore {
  readonly #database: DatabaseSync;
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  readonly #remove: StatementSync;
  readonly #list: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#read = database.prepare('select value from state where kind = ? and name = ?');
    this.#write = database.prepare(
      'insert into state (kind, name, value) values (?, ?, ?) on conflict do update set value = excluded.value',
    );
    this.#remove = database.prepare('delete from state where kind = ? and name = ?');
    this.#list = database.prepare('select name, value from state where kind = ? order by name');
  }

  read(kind: string, name: string): string | undefined {
    const row = this.#guard(() => this.#read.get(kind, name));
    return row === undefined ? undefined : String(row['value']);
  }

  write(kind: string, name: string, text: string, durability: StateDurability = 'flushed'): void {
    this.#guard(() => {
      if (durability === 'flushed') return this.#write.run(kind, name, text);
      // In the write-ahead log, `normal` leaves out the flush of a commit, and nothing else.
      this.#database.exec('pragma synchronous = normal');
      try {
        return this.#write.run(kind, name, text);
      } finally {
        this.#database.exec('pragma synchronous = full');
      }
    });
  }

  remove(kind: string, name: string): void {
    this.#guard(() => this.#remove.run(kind, name));
  }

  change(edits: readonly StateEdit[]): void {
    this.#guard(() => {
      this.#database.exec('begin immediate');
      try {
        for (const { kind, name, text } of edits) {
          if (text === undefined) this.#remove.run(kind, name);
          else this.#write.run(kind, name, text);
        }
        this.#database.exec('commit');
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('rollback');
        throw error;
      }
    });
  }

  list(kind: string): readonly (readonly [string, string])[] {
    return this.#guard(() => this.#list.all(kind)).map((row) => [String(row['name']), String(row['value'])] as const);
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #guard<Value>(run: () => Value): Value {
    try {
      return run();
    } catch (error) {
      const isFull = error instanceof Error && 'errcode' in error && Number(error.errcode) === fullErrorCode;
      throw HeadwaterError.from(error, isFull ? 'HW-JOURNAL-007' : 'HW-JOURNAL-008', 'state.sqlite');
    }
  }
}
