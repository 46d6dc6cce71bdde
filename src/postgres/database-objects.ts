import { HeadwaterError } from '../foundation/error.ts';
import {
  appliedVersionsStatement,
  lockStatement,
  type Migration,
  migrations,
  recordExistsStatement,
  recordStatement,
} from './database-objects.sql.ts';

/** Schema of Headwater's tables where nobody chose another. */
export const schemaNameDefault = 'headwater';

/** The version that this release makes and knows. */
export const databaseObjectsVersion: number = migrations.length;

/** Runs one statement on one connection and gives its rows, values as text. */
export type StatementRunner = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * The migrations that lead from `currentVersion` (0: none) to this release, in order.
 * @throws HW-OBJECTS-001 for a version that this release does not know.
 */
export function planMigrations(currentVersion: number): readonly Migration[] {
  if (currentVersion > databaseObjectsVersion) {
    const message = `the database objects have version ${currentVersion}, this release knows ${databaseObjectsVersion}`;
    throw new HeadwaterError('HW-OBJECTS-001', message, {
      details: { found: currentVersion, known: databaseObjectsVersion },
    });
  }
  return migrations.slice(currentVersion);
}

/** From which version to which the objects went. Equal when nothing was to be done. */
export interface MigrationOutcome {
  readonly from: number;
  readonly to: number;
}

/**
 * Brings the objects to this release's version, in one transaction that it begins and ends: all of it or nothing. `run` must
 * stay on one connection that is in no transaction. Two that run at once wait for each other; a second run changes nothing.
 * @throws HW-OBJECTS-001, HW-OBJECTS-002, or the driver's error.
 */
export async function applyMigrations(
  run: StatementRunner,
  schemaName: string = schemaNameDefault,
): Promise<MigrationOutcome> {
  await run('begin');
  try {
    await run(lockStatement(schemaName));
    const from = await readSchemaVersion(run, schemaName);
    for (const statement of migrationStatements(schemaName, from)) await run(statement);
    await run('commit');
    return { from, to: databaseObjectsVersion };
  } catch (thrown) {
    // The first error is the one to report; a connection that is gone has rolled back by itself.
    await run('rollback').catch(() => undefined);
    throw thrown;
  }
}

/**
 * The version of the objects in a database; 0 where there are none.
 * @throws HW-OBJECTS-002 when a migration before the last one is not recorded.
 */
export async function readSchemaVersion(run: StatementRunner, schemaName: string = schemaNameDefault): Promise<number> {
  const [found] = await run(recordExistsStatement(schemaName));
  if (String(found?.['count']) === '0') return 0;
  const versions = (await run(appliedVersionsStatement(schemaName))).map((row) => Number(row['version']));
  const gap = versions.findIndex((version, index) => version !== index + 1);
  if (gap === -1) return versions.length;
  throw new HeadwaterError('HW-OBJECTS-002', `schema_version of "${schemaName}" lacks version ${gap + 1}`, {
    details: { schema: schemaName, missing: gap + 1 },
  });
}

/**
 * The SQL of the migrations from `fromVersion` (default 0: all), for people and for other migration tools: no transaction of
 * its own, one statement after the other, each migration recorded as `applyMigrations` does.
 */
export function printSql(schemaName: string = schemaNameDefault, fromVersion = 0): string {
  const statements = migrationStatements(schemaName, fromVersion);
  return statements.length === 0 ? '' : `${statements.join(';\n\n')};\n`;
}

/** One migration as it is run: its statements, its own record at the end. */
export interface MigrationSql extends Pick<Migration, 'version' | 'summary' | 'compatibility'> {
  /** Without a semicolon at the end. */
  readonly statements: readonly string[];
}

/** The migrations behind `fromVersion` (0: all) for a schema, in order, each with its record. @throws HW-OBJECTS-001 */
export function listMigrations(schemaName: string, fromVersion: number): readonly MigrationSql[] {
  return planMigrations(fromVersion).map(({ version, summary, compatibility, statements }) => ({
    version,
    summary,
    compatibility,
    statements: [...statements(schemaName), recordStatement(schemaName, version)],
  }));
}

function migrationStatements(schemaName: string, fromVersion: number): readonly string[] {
  return listMigrations(schemaName, fromVersion).flatMap(({ statements }) => statements);
}
