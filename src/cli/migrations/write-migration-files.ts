import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { HeadwaterError } from '../../foundation/error.ts';
import type { MigrationSql } from '../../postgres/database-objects.ts';
import { type FileOutcome, readTextFile, writeNewFiles } from '../new-files.ts';
import { type MigrationFormat, planMigrationFiles } from './plan-migration-files.ts';

/** What to write, where, and in which form. */
export interface MigrationFilesRequest {
  readonly format: MigrationFormat;
  readonly directory: string;
  readonly migrations: readonly MigrationSql[];
  /** In milliseconds since 1970. */
  readonly now: number;
}

/**
 * Puts migrations into the directory of another migration tool. Those that are there, by their names, are left as they are.
 * @throws HW-SETUP-005, HW-SETUP-006
 */
export async function writeMigrationFiles(request: MigrationFilesRequest): Promise<readonly FileOutcome[]> {
  const { directory, format, migrations, now } = request;
  const names = await listNames(directory);
  const drizzleJournal =
    format === 'drizzle' ? await readTextFile(join(directory, 'meta', '_journal.json')) : undefined;
  return writeNewFiles(directory, planMigrationFiles(format, migrations, { names, drizzleJournal, now }), 'write');
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    const code = cause instanceof Error ? String(Reflect.get(cause, 'code')) : '';
    if (code === 'ENOENT') return [];
    throw new HeadwaterError('HW-SETUP-006', `${directory} cannot be listed (${code})`, { cause });
  }
}
