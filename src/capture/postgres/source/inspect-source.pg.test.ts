import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createTestDatabase, skipReason, type PostgresMajor } from '../../../../scripts/services/testing.ts';
import { parseConnectionUrl } from '../../../postgres/connection-options.ts';
import type { SourceCheck } from '../../source-check.ts';
import { openReplicationConnection } from '../replication/pg-replication-connection.ts';
import { inspectSource } from './inspect-source.ts';
import { openSourceCatalog } from './sql-source-catalog.ts';

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`inspection of PostgreSQL ${major}`, { skip }, () => {
    test('names what would break the application or lose changes, each with the statement that mends it', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table no_key (id int)');
      await database.query(
        'create table good (id int primary key, n int, twice int generated always as (n * 2) stored)',
      );
      await database.query(`create publication p for table no_key, good with (publish = 'insert, update')`);
      const url = await database.grantRole('capture');
      const checks = await inspect(url);
      const results = new Map(checks.map((check) => [check.id, check]));
      assert.equal(results.get('source.connection')?.result, 'ok');
      assert.equal(results.get('source.replication')?.result, 'ok');
      assert.equal(results.get('source.wal-level')?.result, 'ok');
      assert.equal(results.get('source.replica-identity')?.result, 'failed');
      assert.equal(results.get('source.published-changes')?.result, 'warning');
      assert.equal(results.get('source.outbox')?.result, 'failed');
      assert.match(results.get('source.outbox')?.fix ?? '', /add table "public"."adopted"/);
      assert.equal(results.get('source.slot-limit')?.result, 'warning');
      assert.equal(results.get('source.message-right')?.result, 'warning');
      for (const check of checks)
        assert.ok(check.result === 'ok' || check.fix !== undefined || check.id === 'source.generated-columns');
      await database.query('alter table no_key replica identity full');
      await database.query(results.get('source.published-changes')?.fix?.replace(';', '') ?? '');
      const mended = new Map((await inspect(url)).map((check) => [check.id, check.result]));
      assert.equal(mended.get('source.replica-identity'), 'ok');
      assert.equal(mended.get('source.published-changes'), 'ok');
    });

    test('takes a column that the primary key only includes for no part of it', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id int, note text, more text, primary key (id) include (note))');
      await database.query('create publication p for table t (id, more)');
      await database.query(`insert into t values (1, 'a', 'b')`);
      await database.query(`update t set note = 'c'`);
      const checks = await inspect(await database.grantRole('capture'));
      const spoken = checks.filter(({ result, why }) => result !== 'ok' && /\bt\b/.test(why));
      assert.deepEqual(
        spoken.map(({ id }) => id),
        [],
      );
    });

    test('names what the first start would refuse, and a configured table that no publication lists', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table no_key (id int)');
      await database.query('create table listed (id int primary key)');
      await database.query('create table parted (id int primary key) partition by range (id)');
      await database.query('create table parted_1 partition of parted for values from (0) to (9)');
      const url = await database.grantRole('capture');
      const find = async (tables: readonly string[], id: string): Promise<SourceCheck | undefined> =>
        (await inspect(url, tables)).find((check) => check.id === id);
      const missing = await find(['listed', 'public.not_there'], 'source.publication');
      assert.equal(missing?.result, 'failed');
      assert.match(missing.why, /public\.not_there/);
      const unfit = await find(['no_key', 'listed', 'parted'], 'source.replica-identity');
      assert.equal(unfit?.result, 'failed');
      assert.match(unfit.why, /of no_key,/);
      assert.match(unfit.fix ?? '', /alter table "public"\."no_key" replica identity full;/);
      await database.query('create publication p for table parted');
      const unlisted = await find(['listed', 'parted'], 'source.publication');
      assert.equal(unlisted?.result, 'warning');
      assert.match(unlisted.why, /not listed of source\.tables/);
      await database.query(unlisted.fix ?? '');
      assert.equal((await find(['listed', 'parted'], 'source.publication'))?.result, 'ok');
    });

    test('a role without rights gives failed checks, not an error', async () => {
      await using database = await createTestDatabase({ major });
      const role = `${database.name}_reader`;
      await database.query(`create role ${role} login password 'x'`);
      const checks = await inspect(database.urlFor(role, 'x'));
      assert.equal(checks.find(({ id }) => id === 'source.replication')?.result, 'failed');
      const unreachable = new URL(database.url);
      unreachable.port = '1';
      assert.deepEqual(
        (await inspect(unreachable.href)).map(({ id, result }) => [id, result]),
        [['source.connection', 'failed']],
      );
    });
  });
}

function inspect(url: string, tables: readonly string[] = []): Promise<readonly SourceCheck[]> {
  const options = parseConnectionUrl(url);
  return inspectSource({
    wanted: {
      slotName: 'headwater_test',
      publicationNames: ['p'],
      tables,
      requiredTables: ['public.adopted'],
      outboxTable: 'headwater.outbox',
      create: 'if-missing',
      isCanaryOn: true,
    },
    openCatalog: (signal) => openSourceCatalog(options, signal),
    openReplication: (signal) => openReplicationConnection(options, signal),
  });
}
