import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { systemClock } from '../../foundation/clock.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { Connection } from '../../postgres/connection.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import { applyMigrations, type MigrationOutcome } from '../../postgres/database-objects.ts';
import { openConnection } from '../../postgres/pg-connection.ts';
import { parseQualifiedName, quoteQualified } from '../../postgres/quote.ts';
import { createPublicationOfAllTables, findPublication, findTable } from './dev-database.sql.ts';

const TABLE_POLL_MS = 250;

/** Brings Headwater's own tables to this release's version. @throws HW-OBJECTS and HW-SOURCE codes */
export async function migrateObjects(url: string, schemaName: string, signal: AbortSignal): Promise<MigrationOutcome> {
  await using connection = await openConnection(parseConnectionUrl(url), signal);
  return await applyMigrations((text) => connection.query(text, [], signal), schemaName);
}

/** Publishes every table under the default name, unless a publication has it. @throws HW-SOURCE codes */
export async function publishAllTables(url: string, signal: AbortSignal): Promise<void> {
  await using connection = await openConnection(parseConnectionUrl(url), signal);
  const found = await connection.query(findPublication, ['headwater'], signal);
  if (found.length === 0) await connection.query(createPublicationOfAllTables, [], signal);
}

/** What waiting for tables needs. */
export interface TableWait {
  readonly tables: readonly string[];
  /** Told once, when at least one is missing. */
  readonly onMissing: (tables: readonly string[]) => void;
  readonly signal: AbortSignal;
}

/** Resolves when all tables exist. @throws HW-SOURCE codes; rejects with `signal.reason` on cancel */
export async function waitForTables(url: string, { tables, onMissing, signal }: TableWait): Promise<void> {
  await using connection = await openConnection(parseConnectionUrl(url), signal);
  let missing = await listMissing(connection, tables, signal);
  if (missing.length > 0) onMissing(missing);
  while (missing.length > 0) {
    await systemClock.sleep(TABLE_POLL_MS, signal);
    missing = await listMissing(connection, missing, signal);
  }
}

async function listMissing(
  connection: Connection,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const table of tables) {
    const { schemaName, objectName } = parseQualifiedName(table);
    const [row] = await connection.query(findTable, [quoteQualified(schemaName, objectName)], signal);
    if (typeof row?.['name'] !== 'string') missing.push(table);
  }
  return missing;
}

/**
 * Runs the application's own migrations in a shell, with DATABASE_URL set. What it prints goes to stderr.
 * @throws HW-DEV-003 when it ends with another code than 0; rejects with `signal.reason` on cancel, with the command ended
 */
export async function runMigrateCommand(command: string, url: string, signal: AbortSignal): Promise<void> {
  const child = spawn(command, {
    shell: true,
    stdio: ['ignore', process.stderr, process.stderr],
    env: { ...process.env, DATABASE_URL: url },
    signal,
  });
  const how = await once(child, 'exit').then(
    ([code, endSignal]: unknown[]) => (code === 0 ? undefined : `ended with ${String(code ?? endSignal)}`),
    (thrown: unknown) => String(thrown),
  );
  signal.throwIfAborted();
  if (how !== undefined) throw new HeadwaterError('HW-DEV-003', `\`${command}\` ${how}`);
}
