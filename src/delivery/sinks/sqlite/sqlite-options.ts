import { resolve } from 'node:path';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { RecordStatements } from '../../record-statements.ts';

/** Where a source table goes. */
export interface SqliteTableTarget {
  /** The table's name in the database. Default: its name in the source; outside the schema `public`, `schema_table`. */
  readonly name?: string;
  /** Key columns, for a table with REPLICA IDENTITY FULL whose target has no primary key. */
  readonly key?: readonly string[];
}

interface CommonOptions {
  /** The database file. It is made if it is missing; its directory is not. */
  readonly file: string;
}

interface MirrorOptions {
  /** Source tables (`schema.table`) that have another name or another key in the target. The others keep theirs. */
  readonly tables?: Readonly<Record<string, string | SqliteTableTarget>>;
  /** Default `if-missing`: missing tables and columns of tables made here are added. `never`: they are refused. */
  readonly create?: 'if-missing' | 'never';
  readonly statements?: never;
}

interface StatementOptions {
  /** Runs these instead of mirroring rows, each one statement. Events are passed too. */
  readonly statements: RecordStatements;
  readonly tables?: never;
  readonly create?: never;
}

/** What `sqliteSink` takes: a file, and tables to mirror or statements to run. */
export type SqliteSinkOptions = CommonOptions & (MirrorOptions | StatementOptions);

/** Checks the options; resolves with the absolute path of the file. Pure. @throws HW-SQLITE-001 naming the option. */
export function resolveSqliteFile(options: SqliteSinkOptions): string {
  const { file, statements } = options;
  // The caller may be JavaScript, and a variable of the environment may not be set.
  if (typeof file !== 'string' || file === '') throw invalid('file', 'is no path');
  if (file === ':memory:' || file.startsWith('file:')) throw invalid('file', `names no file that stays: "${file}"`);
  if (statements !== undefined && (options.tables !== undefined || options.create !== undefined))
    throw invalid('statements', 'excludes `tables` and `create`, which belong to mirroring');
  return resolve(file);
}

function invalid(option: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW-SQLITE-001', `the option ${option} of sqliteSink ${reason}`, { details: { option } });
}
