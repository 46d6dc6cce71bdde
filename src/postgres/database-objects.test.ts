import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../foundation/error.ts';
import { databaseObjectsVersion, planMigrations, printSql } from './database-objects.ts';
import { printRolesSql } from './roles.ts';

/** UPDATE_SNAPSHOTS=1 writes the files anew. What a release printed is never changed: only a new migration adds to it. */
const snapshotDirectory = new URL('../../test/golden/database-objects/', import.meta.url);

describe('the database objects', () => {
  it('are printed as the reference and other migration tools have them', async () => {
    await assertSnapshot('migrations.sql', printSql());
    const options = {
      databaseName: 'shop',
      adoptedOutboxes: [
        { table: 'outbox', cleanUp: 'mark' },
        { table: 'Billing.outbox', cleanUp: 'delete' },
        { table: 'kept', cleanUp: 'none' },
      ],
      targetTables: ['copy.orders'],
      publicMessages: 'revoked',
    } as const;
    await assertSnapshot('roles.sql', printRolesSql(options));
  });

  it('quote every name that a user chose', () => {
    const name = 'it"s';
    assert.ok(!printSql(name).replaceAll('"it""s"', '').includes(name), 'schema');
    const sql = printRolesSql({
      databaseName: name,
      schemaName: name,
      roleNames: { sink: name },
      targetTables: [`${name}.t`],
    });
    assert.ok(!sql.replaceAll('"it""s"', '').replaceAll(`'${name}'`, '').includes(name), sql);
  });

  it('go forward from any version that was released, and refuse a newer one by name', () => {
    for (let version = 0; version <= databaseObjectsVersion; version += 1) {
      const versions = planMigrations(version).map((migration) => migration.version);
      assert.deepEqual(
        versions,
        Array.from({ length: databaseObjectsVersion - version }, (_, index) => version + index + 1),
      );
    }
    assert.equal(printSql('headwater', databaseObjectsVersion), '');
    assert.throws(
      () => planMigrations(databaseObjectsVersion + 1),
      (error) => error instanceof HeadwaterError && error.code === 'HW-OBJECTS-001',
    );
  });
});

async function assertSnapshot(name: string, text: string): Promise<void> {
  const file = new URL(name, snapshotDirectory);
  if (process.env['UPDATE_SNAPSHOTS'] === '1') await writeFile(file, text);
  assert.equal(text, await readFile(file, 'utf8'), `${name} differs; was a released migration changed?`);
}
