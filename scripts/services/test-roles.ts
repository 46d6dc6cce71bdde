import { printSinkGrants, printSinkSql } from '../../src/delivery/sinks/postgres/sink-objects.sql.ts';
import { applyMigrations, type StatementRunner } from '../../src/postgres/database-objects.ts';
import { printRoleSql, type RolePurpose, type RoleSqlOptions } from '../../src/postgres/roles.ts';

/** What a role of a test is to be granted beyond what it always needs: the options of the printed SQL. */
export type TestRoleOptions = Pick<
  RoleSqlOptions,
  'adoptedOutboxes' | 'copiedTables' | 'targetTables' | 'publicMessages'
>;

/** Roles of a test may log in from anywhere, and nobody else knows their database. */
export const testRolePassword = 'role-of-a-test';

/** The database's own name for a role, so that tests side by side do not share one and its disposal finds it. */
export function testRoleName(databaseName: string, purpose: RolePurpose): string {
  return `${databaseName}_${purpose}`;
}

/**
 * Runs what `headwater sql` prints for a role, word for word, in a database: Headwater's objects, and the role with its grants.
 * May be run again, also for tables that came later.
 */
export async function grantTestRole(
  purpose: RolePurpose,
  databaseName: string,
  options: TestRoleOptions,
  query: StatementRunner,
): Promise<void> {
  const name = testRoleName(databaseName, purpose);
  await applyMigrations(query);
  await query(printRoleSql(purpose, { databaseName, roleNames: { [purpose]: name }, ...options }));
  if (purpose === 'sink') {
    const found = await query(`select from pg_tables where schemaname = 'headwater' and tablename = 'checkpoint'`);
    if (found.length === 0) await query(printSinkSql());
    await query(printSinkGrants(name));
  }
  await query(`alter role ${name} password '${testRolePassword}'`);
}
