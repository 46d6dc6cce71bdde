import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HeadwaterError } from '../../../foundation/error.ts';
import { toFileError } from './file-error.ts';

/** The right to write the files of one name in one directory. */
export interface DirectoryLock {
  release(): void;
}

/** https://www.sqlite.org/rescode.html#busy */
const busyErrorCode = 5;

/**
 * Takes the lock `<name>.lock` in the directory: an exclusive lock of SQLite, which the system takes from a process that dies.
 * @throws HW-FILE-006 when another process holds it, HW-FILE-002, 003, 005 of the directory.
 */
export async function lockDirectory(directory: string, name: string): Promise<DirectoryLock> {
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    throw toFileError(thrown, directory);
  }
  const path = join(directory, `${name}.lock`);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('pragma locking_mode = exclusive');
    database.exec('begin exclusive');
  } catch (thrown) {
    database?.close();
    if (!isBusy(thrown)) throw HeadwaterError.from(thrown, 'HW-FILE-005', path);
    throw new HeadwaterError('HW-FILE-006', `another process holds ${path}`, { cause: thrown, details: { path } });
  }
  const held = database;
  return { release: () => held.close() };
}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && 'errcode' in thrown && (Number(thrown.errcode) & 0xff) === busyErrorCode;
}
