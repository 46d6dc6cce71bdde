import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { HeadwaterError } from '../foundation/error.ts';
import {
  applyMigrations,
  databaseObjectsVersion,
  printSql,
  readSchemaVersion,
  type StatementRunner,
} from './database-objects.ts';
import { printRolesSql } from './roles.ts';
import { readOutbox } from './testing/read-outbox.ts';

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`the database objects on PostgreSQL ${major}`, { skip }, () => {
    it('are the same when applied and when printed and run by another tool', async () => {
      await using applied = await createTestDatabase({ major });
      await using printed = await createTestDatabase({ major });
      assert.deepEqual(await applyMigrations(runnerOf(applied)), { from: 0, to: databaseObjectsVersion });
      await printed.query(printSql());
      assert.deepEqual(await describeObjects(applied), await describeObjects(printed));
      assert.equal(await readSchemaVersion(runnerOf(printed)), databaseObjectsVersion);
    });

    it('are left as they are by a second run, and by two that run at once', async () => {
      await using database = await createTestDatabase({ major });
      const clients = await Promise.all([database.connect(), database.connect()]);
      const outcomes = await Promise.all(
        clients.map((client) => applyMigrations(async (text) => (await client.query(text)).rows)),
      );
      assert.deepEqual(outcomes.map(({ from }) => from).toSorted(), [0, databaseObjectsVersion]);
      assert.deepEqual(await applyMigrations(runnerOf(database)), {
        from: databaseObjectsVersion,
        to: databaseObjectsVersion,
      });
    });

    it('stand beside those of another installation in the same database', async () => {
      await using database = await createTestDatabase({ major });
      await applyMigrations(runnerOf(database));
      assert.deepEqual(await applyMigrations(runnerOf(database), 'Second "one"'), {
        from: 0,
        to: databaseObjectsVersion,
      });
      assert.equal(await readSchemaVersion(runnerOf(database), 'Second "one"'), databaseObjectsVersion);
    });

    it('are refused, and left alone, when they are newer or have a gap', async () => {
      await using database = await createTestDatabase({ major });
      await applyMigrations(runnerOf(database));
      await database.query('insert into headwater.schema_version (version) values ($1)', [databaseObjectsVersion + 1]);
      await assertCode(applyMigrations(runnerOf(database)), 'HW-OBJECTS-001');
      await database.query('delete from headwater.schema_version where version = 1');
      await assertCode(applyMigrations(runnerOf(database)), 'HW-OBJECTS-002');
      assert.deepEqual(await database.query('select count(*)::int as count from headwater.outbox'), [{ count: 0 }]);
    });

    it('are made whole or not at all', async () => {
      await using database = await createTestDatabase({ major });
      const failing: StatementRunner = async (text) => {
        if (text.includes('create table') && text.includes('inbox')) throw new Error('lost the connection');
        return database.query(text);
      };
      await assert.rejects(applyMigrations(failing), /lost the connection/);
      assert.equal(await readSchemaVersion(runnerOf(database)), 0);
      assert.deepEqual(await applyMigrations(runnerOf(database)), { from: 0, to: databaseObjectsVersion });
    });

    it('take into the outbox nothing that a reader of the envelope would refuse', async () => {
      await using database = await createTestDatabase({ major });
      await applyMigrations(runnerOf(database));
      const accepted = [
        {},
        {
          key: `'${'🌍'.repeat(1024)}'`,
          headers: `'{"a": "", "b": "x"}'`,
          traceparent: `'00-${'0'.repeat(32)}-${'0'.repeat(16)}-00'`,
        },
        { occurred_at: `'0001-01-01 00:00:00+00'` },
        { occurred_at: `'9999-12-31 23:59:59.999999+00'` },
        { headers: `jsonb_build_object(repeat('n', 255), repeat('x', 65000))` },
      ];
      for (const columns of accepted) await insertEvent(database, columns);
      const refused = [
        { envelope_version: '2' },
        { type: `''` },
        { type: `repeat('x', 256)` },
        { schema_version: '0' },
        { key: `''` },
        { key: `repeat('x', 1025)` },
        { tenant: `''` },
        { source: `repeat('x', 64)` },
        { occurred_at: `'infinity'` },
        { occurred_at: `'0044-03-15 00:00:00+00 BC'` },
        { occurred_at: `'10000-01-01 00:00:00+00'` },
        { traceparent: `'00-1'` },
        { headers: `'[]'` },
        { headers: `'{"a": 1}'` },
        { headers: `'{"a": null}'` },
        { headers: `'{"": "x"}'` },
        { headers: `jsonb_build_object(repeat('n', 256), '')` },
        { headers: `jsonb_build_object(E'a\\nb' || repeat('n', 254), '')` },
        { headers: `jsonb_build_object('a', repeat('x', 65536))` },
        { content_type: `''` },
        { payload: 'null' },
      ];
      for (const columns of refused) {
        await assert.rejects(insertEvent(database, columns), { code: /^(23514|23502)$/ }, JSON.stringify(columns));
      }
      const events = await readOutbox(database);
      assert.equal(events.length, accepted.length);
    });

    it('give each of the three roles what it needs and nothing else', async () => {
      await using database = await createTestDatabase({ major });
      const names = { capture: `${database.name}_c`, application: `${database.name}_a`, sink: `${database.name}_s` };
      await database.query('create table public.outbox (id uuid primary key, payload jsonb, published boolean)');
      await database.query('create table public.copy (id text primary key)');
      await applyMigrations(runnerOf(database));
      const sql = printRolesSql({
        databaseName: database.name,
        roleNames: names,
        adoptedOutboxes: [{ table: 'outbox', cleanUp: 'mark' }],
        targetTables: ['copy'],
        publicMessages: 'revoked',
      });
      await database.query(sql);
      await database.query(sql);
      const message = `select pg_logical_emit_message(true, 'headwater:1', 'x'::bytea)`;
      const outbox = `insert into headwater.outbox (id, type, source, payload) values (gen_random_uuid(), 't', 's', '')`;
      const inbox = `insert into headwater.inbox (installation, consumer, message_id) values ('i', 'c', gen_random_uuid()::text) on conflict (installation, consumer, message_id) do nothing`;
      const key = `with k as (insert into headwater.idempotency_key (installation, principal, operation, key, fingerprint, input, lease_holder, leased_until, expires_at)
        values ('i', 'p', 'o', gen_random_uuid()::text, '', '1', 'h', now(), now()) returning key) select * from k`;
      const keys = ['select * from headwater.idempotency_key', 'delete from headwater.idempotency_key'];
      const slot = `select pg_drop_replication_slot(slot_name) from pg_create_logical_replication_slot('${database.name}', 'pgoutput')`;
      const allowed: Readonly<Record<string, readonly string[]>> = {
        [names.capture]: [
          message,
          slot,
          'select version from headwater.schema_version',
          'update public.outbox set published = true where id is null',
        ],
        [names.application]: [
          message,
          outbox,
          inbox,
          'select * from headwater.inbox',
          'delete from headwater.inbox',
          key,
          ...keys,
          ...['consumer', 'key', 'held', 'effect'].flatMap((name) => [
            `select * from headwater.inbox_${name}`,
            `delete from headwater.inbox_${name}`,
            `update headwater.inbox_${name} set consumer = consumer`,
            `insert into headwater.inbox_${name} select * from headwater.inbox_${name} where false`,
          ]),
        ],
        [names.sink]: [inbox, 'select * from headwater.inbox', 'delete from public.copy', 'truncate public.copy'],
      };
      const statements = [...new Set(Object.values(allowed).flat())];
      statements.push(
        'select * from headwater.outbox',
        'delete from headwater.outbox',
        'select payload from public.outbox',
      );
      statements.push('delete from public.outbox', 'create table headwater.mine ()');
      for (const [role, own] of Object.entries(allowed)) {
        for (const statement of statements) {
          assert.equal(await mayRun(database, role, statement), own.includes(statement), `${role}: ${statement}`);
        }
      }
    });
  });
}

function runnerOf(database: TestDatabase): StatementRunner {
  return (text) => database.query(text);
}

/** Columns, defaults, constraints and comments of the schema. */
async function describeObjects(database: TestDatabase): Promise<unknown> {
  const columns = await database.query(
    `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid) as default_value, obj_description(c.oid) as comment
     from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on (d.adrelid, d.adnum) = (c.oid, a.attnum)
     where c.relnamespace = 'headwater'::regnamespace and a.attnum > 0 order by 1, a.attnum`,
  );
  const constraints = await database.query(
    `select conname, pg_get_constraintdef(oid) as definition from pg_constraint where connamespace = 'headwater'::regnamespace order by 1`,
  );
  assert.ok(columns.length > 20 && constraints.length > 15);
  return { columns, constraints };
}

async function insertEvent(database: TestDatabase, columns: Readonly<Record<string, string>>): Promise<void> {
  const values = { id: 'gen_random_uuid()', type: `'t'`, source: `'s'`, payload: `'\\x00'`, ...columns };
  await database.query(
    `insert into headwater.outbox (${Object.keys(values).join(', ')}) values (${Object.values(values).join(', ')})`,
  );
}

async function mayRun(database: TestDatabase, role: string, statement: string): Promise<boolean> {
  const client = await database.connect();
  try {
    await client.query(`set role ${role}`);
    await client.query(statement);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '42501') return false;
    throw error;
  } finally {
    await client.end();
  }
}

async function assertCode(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof HeadwaterError, String(error));
    assert.equal(error.code, code);
    return true;
  });
}
