import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { databaseObjectsVersion } from '../postgres/database-objects.ts';
import { detectProject, type OrmName, ormNames } from './init/detect-project.ts';
import { exampleCode } from './init/example-code.ts';
import { CommandDirectory, type CommandEnd } from './testing/command-directory.ts';

interface Report {
  readonly [name: string]: unknown;
  readonly files: readonly { readonly path: string; readonly action: string }[];
  readonly checks: readonly { readonly id: string; readonly result: string; readonly why: string }[];
  readonly sql: readonly { readonly id: string; readonly sql: string }[];
  readonly steps: readonly { readonly kind: string; readonly name: string; readonly action: string }[];
}

function reportOf(end: CommandEnd): Report {
  assert.equal(end.code, 0, end.stderr);
  return JSON.parse(end.stdout) as Report;
}

function codeOf(end: CommandEnd): string | undefined {
  return /HW-[A-Z]+-\d{3}/.exec(end.stderr)?.[0];
}

/** A role that may log in and nothing more, named so that the database's disposal drops it. */
async function poorUrl(database: TestDatabase): Promise<string> {
  await database.query(`create role ${database.name}_poor login password 'poor'`);
  return database.urlFor(`${database.name}_poor`, 'poor');
}

/** The configuration that init wrote, with a slot and a port of the test's own. */
async function nameApart(directory: CommandDirectory, database: TestDatabase): Promise<void> {
  const name = 'headwater.config.mts';
  const text = await directory.read(name);
  const own = `installation: '${database.name}',\n  http: { port: 0 },\n  source: {`;
  await directory.write(name, text.replace('source: {', own));
}

async function listNames(directory: CommandDirectory): Promise<readonly string[]> {
  return (await readdir(directory.path, { recursive: true }))
    .filter((name) => !name.startsWith('node_modules'))
    .toSorted();
}

async function namesOf(database: TestDatabase): Promise<object> {
  const [row] = await database.query(
    `select (select count(*)::int from pg_replication_slots where database = current_database()) as slots,
            (select coalesce(array_agg(pubname::text), '{}') from pg_publication) as publications,
            (select coalesce(array_agg(nspname::text), '{}') from pg_namespace where nspname = 'headwater') as schemas`,
  );
  return row ?? {};
}

describe('headwater init without a database', () => {
  it('writes its two files, says what it could not check, and changes nothing in a second run', async () => {
    await using directory = await CommandDirectory.open();
    const first = await directory.headwater(['init']);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /not checked, for want of an address/);
    assert.deepEqual(await listNames(directory), ['headwater-example.mts', 'headwater.config.mts']);
    const second = await directory.headwater(['init']);
    assert.match(second.stdout, /nothing was changed/);
    assert.deepEqual(
      reportOf(await directory.headwater(['init', '--json'])).files.map(({ action }) => action),
      ['unchanged', 'unchanged'],
    );
  });

  it('goes on when nobody answers at the address, and names the reason without the password', async () => {
    await using directory = await CommandDirectory.open();
    const end = await directory.headwater(['init', '--url', 'postgres://me:s3cret@127.0.0.1:1/shop']);
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stdout, /not checked, because HW-SOURCE-002/);
    assert.match(end.stdout, /grant connect on database "shop"/);
    assert.ok(!`${end.stdout}${end.stderr}`.includes('s3cret'));
  });

  it('writes nothing with --dry-run and --print-sql', async () => {
    await using directory = await CommandDirectory.open();
    const dry = await directory.headwater(['init', '--dry-run']);
    assert.match(dry.stdout, /headwater\.config\.mts: would be created/);
    assert.match(dry.stdout, /export default defineConfig/);
    const sql = await directory.headwater(['init', '--print-sql']);
    assert.match(sql.stdout, /^-- Setting, as superuser/);
    assert.deepEqual(await listNames(directory), []);
  });

  it('never overwrites a file of the user, whatever it is called', async () => {
    await using directory = await CommandDirectory.open();
    await directory.write('package.json', '{ "type": "module", "dependencies": { "kysely": "^0.29.0" } }');
    await directory.write('headwater.config.js', 'export default {};\n');
    await directory.write('src/headwater-example.ts', '// mine\n');
    const { files } = reportOf(await directory.headwater(['init', '--json']));
    assert.deepEqual(files, [
      { path: 'headwater.config.js', action: 'kept' },
      { path: 'src/headwater-example.ts', action: 'kept' },
    ]);
    assert.equal(await directory.read('headwater.config.js'), 'export default {};\n');
    assert.equal(await directory.read('src/headwater-example.ts'), '// mine\n');
  });

  it('refuses a broken package.json, an unknown client, and a directory that it may not write, with a code', async () => {
    await using directory = await CommandDirectory.open();
    assert.equal((await directory.headwater(['init', '--orm', 'mongoose'])).code, 2);
    await directory.write('package.json', '{');
    const broken = await directory.headwater(['init']);
    assert.deepEqual([codeOf(broken), broken.code], ['HW-SETUP-004', 2]);
    await directory.write('package.json', '{}');
    await directory.write('src', 'a file in the place of the folder');
    const unwritable = await directory.headwater(['init']);
    assert.deepEqual([codeOf(unwritable), unwritable.code], ['HW-SETUP-005', 1]);
    if (process.getuid?.() !== 0) {
      await chmod(directory.path, 0o555);
      assert.equal(codeOf(await directory.headwater(['init', '--orm', 'pg'])), 'HW-SETUP-005');
      await chmod(directory.path, 0o755);
    }
  });
});

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`the first hour on PostgreSQL ${major}`, { skip }, () => {
    const orms: readonly OrmName[] = major === 18 ? ['pg', 'drizzle', 'kysely'] : ['pg'];
    for (const orm of orms) {
      it(`goes from an empty directory to a delivered event with ${orm}, and back`, async () => {
        await using database = await createTestDatabase({ major });
        await using directory = await CommandDirectory.open();
        const environment = { DATABASE_URL: database.url };
        if (orm === 'kysely')
          await directory.write('package.json', '{ "dependencies": { "kysely": "1", "zod": "4" } }');
        const init = reportOf(await directory.headwater(['init', '--json', '--orm', orm], environment));
        assert.deepEqual(
          init.files.map(({ action }) => action),
          ['created', 'created'],
        );
        await nameApart(directory, database);

        assert.equal((await directory.headwater(['migrate', '--status'], environment)).code, 3);
        assert.equal((await directory.headwater(['migrate'], environment)).code, 0);
        const migrated = await directory.headwater(['migrate'], environment);
        assert.match(migrated.stdout, /version \d+ already: nothing was changed/);
        assert.equal((await directory.headwater(['migrate', '--status'], environment)).code, 0);

        assert.equal((await directory.headwater(['run', '--drain'], environment)).code, 0);
        const placed = await directory.node('headwater-example.mts', environment);
        assert.equal(placed.code, 0, placed.stderr);
        // A drain ends with what the journal holds when it begins; the commit may not have come that far the first time.
        let run = await directory.headwater(['run', '--drain'], environment);
        for (let turn = 0; turn < 5 && run.stdout === ''; turn += 1)
          run = await directory.headwater(['run', '--drain'], environment);
        assert.match(run.stdout, /^order\.placed order-\d+ /m, run.stderr);
        assert.deepEqual(await database.query('select count(*)::int as count from headwater_example'), [{ count: 1 }]);

        const destroyed = await directory.headwater(['destroy', '--yes'], environment);
        assert.equal(destroyed.code, 0, destroyed.stderr);
        assert.match(destroyed.stdout, /the journal remains in \.headwater\/journal \(/);
        assert.deepEqual(await namesOf(database), { slots: 0, publications: [], schemas: [] });
        assert.ok((await stat(join(directory.path, '.headwater/journal'))).isDirectory());
        const again = await directory.headwater(['destroy', '--yes'], environment);
        assert.match(again.stdout, /nothing to drop: nothing was changed/);
      });
    }

    it('tells what it found of the database, and prints SQL with which doctor has nothing left to fail', async () => {
      await using database = await createTestDatabase({ major });
      await using directory = await CommandDirectory.open();
      await database.query('create table orders (id text primary key); create table notes (text text)');
      await database.query('create publication theirs for table orders');
      const words = ['init', '--url', database.url, '--table', 'orders', '--table', 'notes', '--json'];
      const { checks, sql } = reportOf(await directory.headwater(words));
      const found = Object.fromEntries(checks.map(({ id, result, why }) => [id, `${result} ${why}`]));
      assert.match(found['database.version'] ?? '', new RegExp(`^ok PostgreSQL ${major}\\.`));
      assert.match(found['database.tables'] ?? '', /^warning public\.notes, public\.orders; .*: public\.notes\./);
      assert.equal(found['database.publications'], 'ok theirs');
      assert.match(found['database.rights'] ?? '', /^ok /);
      assert.equal(found['source.wal-level'], 'ok wal_level = logical');
      assert.match(found['source.replica-identity'] ?? '', /^failed /);
      assert.deepEqual(
        sql.map(({ id }) => id),
        ['replica-identity', 'objects', 'publication', 'roles'],
      );
      for (const section of sql) {
        const text = section.sql.replaceAll('headwater_capture', `${database.name}_capture`);
        await database.query(text.replaceAll('headwater_application', `${database.name}_application`));
      }
      const later = reportOf(await directory.headwater(words));
      assert.deepEqual(
        later.sql.map(({ id }) => id),
        ['roles'],
      );
      assert.deepEqual(
        later.checks.filter(({ result }) => result === 'failed'),
        [],
      );
      const doctor = await directory.headwater(['doctor', '--json'], { DATABASE_URL: database.url });
      assert.deepEqual(
        [doctor.code, (JSON.parse(doctor.stdout) as Report).checks.filter(({ result }) => result === 'failed')],
        [0, []],
      );
    });

    it('works as a role without rights: says what it lacks, makes nothing, drops nothing', async () => {
      await using database = await createTestDatabase({ major });
      await using directory = await CommandDirectory.open();
      const poor = { DATABASE_URL: await poorUrl(database) };
      const { checks } = reportOf(await directory.headwater(['init', '--json'], poor));
      const rights = checks.find(({ id }) => id === 'database.rights');
      assert.match(rights?.why ?? '', /lacks REPLICATION and CREATE on the database/);
      await nameApart(directory, database);
      const migrate = await directory.headwater(['migrate'], poor);
      assert.deepEqual([codeOf(migrate), migrate.code], ['HW-SETUP-003', 5]);
      assert.deepEqual(await namesOf(database), { slots: 0, publications: [], schemas: [] });

      const rich = { DATABASE_URL: database.url };
      assert.equal((await directory.headwater(['migrate'], rich)).code, 0);
      assert.equal((await directory.headwater(['run', '--drain'], rich)).code, 0);
      const before = await namesOf(database);
      assert.deepEqual(before, { slots: 1, publications: ['headwater'], schemas: ['headwater'] });
      const destroy = await directory.headwater(['destroy', '--yes'], poor);
      assert.deepEqual([codeOf(destroy), destroy.code], ['HW-SETUP-003', 5]);
      assert.match(destroy.stderr, /drop publication "headwater"/);
      const looked = reportOf(await directory.headwater(['init', '--json'], poor));
      assert.ok(
        looked.sql.every(({ id }) => id !== 'objects'),
        'what this role may not look at is not said to be missing',
      );
      assert.deepEqual(await namesOf(database), before);
    });

    it('drops nothing while Headwater runs, without a yes, or in a dry run', async () => {
      await using database = await createTestDatabase({ major });
      await using directory = await CommandDirectory.open();
      const environment = { DATABASE_URL: database.url };
      reportOf(await directory.headwater(['init', '--json'], environment));
      await nameApart(directory, database);
      assert.equal((await directory.headwater(['migrate'], environment)).code, 0);
      const running = directory.start(['run', '--json'], environment);
      assert.ok(running.stdout !== null);
      await once(running.stdout, 'data');
      const before = await namesOf(database);
      const refused = await directory.headwater(['destroy', '--yes'], environment);
      assert.deepEqual([codeOf(refused), refused.code], ['HW-SETUP-001', 8]);
      running.kill('SIGTERM');
      await once(running, 'exit');
      const unasked = await directory.headwater(['destroy'], environment);
      assert.deepEqual([codeOf(unasked), unasked.code], ['HW-SETUP-002', 8]);
      const dry = await directory.headwater(['destroy', '--dry-run'], environment);
      assert.match(dry.stdout, /drop table "headwater"\."outbox";/);
      assert.deepEqual(await namesOf(database), before);
    });

    it('keeps what is not certainly ours, unless it is named', async () => {
      await using database = await createTestDatabase({ major });
      await using directory = await CommandDirectory.open();
      const environment = { DATABASE_URL: database.url };
      reportOf(await directory.headwater(['init', '--json'], environment));
      await nameApart(directory, database);
      await database.query('create table orders (id text primary key)');
      await database.query('create publication headwater for table orders');
      assert.equal((await directory.headwater(['migrate'], environment)).code, 0);
      await database.query('create table headwater.theirs (id text primary key)');
      const { steps } = reportOf(await directory.headwater(['destroy', '--yes', '--json'], environment));
      assert.deepEqual(
        steps.map(({ action, kind, name }) => `${action} ${kind} ${name}`),
        [
          `absent slot headwater_${database.name}`,
          'keep publication headwater',
          ...[
            'idempotency_key',
            'inbox',
            'inbox_consumer',
            'inbox_effect',
            'inbox_held',
            'inbox_key',
            'outbox',
            'schema_version',
          ].map((table) => `drop table headwater.${table}`),
          'keep schema headwater',
        ],
      );
      assert.deepEqual(await database.query('select count(*)::int as count from headwater.theirs'), [{ count: 0 }]);
      assert.equal((await directory.headwater(['destroy', 'publication', '--yes'], environment)).code, 0);
      assert.deepEqual(await namesOf(database), { slots: 0, publications: [], schemas: ['headwater'] });
      assert.equal((await directory.headwater(['destroy', 'orders'], environment)).code, 2);
    });

    it('rolls everything back when something of the user hangs on a table of ours', async () => {
      await using database = await createTestDatabase({ major });
      await using directory = await CommandDirectory.open();
      const environment = { DATABASE_URL: database.url };
      reportOf(await directory.headwater(['init', '--json'], environment));
      await nameApart(directory, database);
      assert.equal((await directory.headwater(['migrate'], environment)).code, 0);
      assert.equal((await directory.headwater(['run', '--drain'], environment)).code, 0);
      await database.query('create view waiting as select id from headwater.outbox');
      const before = await namesOf(database);
      const end = await directory.headwater(['destroy', '--yes'], environment);
      assert.equal(end.code, 1);
      assert.match(end.stderr, /2BP01/);
      assert.deepEqual(await namesOf(database), before);
    });

    it('writes migrations that Drizzle runs behind those it has, and finds them again', async () => {
      await using database = await createTestDatabase({ major });
      await using directory = await CommandDirectory.open();
      const first = { idx: 0, version: '7', when: 1_700_000_000_000, tag: '0000_orders', breakpoints: true };
      await directory.write('drizzle/0000_orders.sql', 'create table orders (id text primary key);');
      await directory.write(
        'drizzle/meta/_journal.json',
        JSON.stringify({ version: '7', dialect: 'postgresql', entries: [first] }),
      );
      const client = await database.connect();
      const migrationsFolder = join(directory.path, 'drizzle');
      await migrate(drizzle({ client }), { migrationsFolder });
      const words = ['sql', 'objects', '--format', 'drizzle', '--out', 'drizzle', '--json'];
      assert.deepEqual(reportOf(await directory.headwater(words)).files, [
        ...Array.from({ length: databaseObjectsVersion }, (_, index) => ({
          path: `${String(index + 1).padStart(4, '0')}_headwater_${index + 1}.sql`,
          action: 'created',
        })),
        { path: 'meta/_journal.json', action: 'updated' },
      ]);
      await migrate(drizzle({ client }), { migrationsFolder });
      assert.deepEqual(reportOf(await directory.headwater(words)).files, []);
      const status = await directory.headwater(['migrate', '--status', '--url', database.url]);
      assert.equal(status.code, 0, status.stdout);
    });

    it('writes migrations for Flyway and Prisma that make the objects, each once', async () => {
      for (const format of ['flyway', 'prisma']) {
        await using database = await createTestDatabase({ major });
        await using directory = await CommandDirectory.open();
        const words = ['sql', 'objects', '--format', format, '--out', 'migrations', '--json'];
        const { files } = reportOf(await directory.headwater(words));
        const paths = files.map(({ path }) => path).filter((path) => path.endsWith('.sql'));
        for (const path of paths) await database.query(await directory.read(`migrations/${path}`));
        const status = await directory.headwater(['migrate', '--status', '--url', database.url]);
        assert.equal(status.code, 0, status.stdout);
        assert.deepEqual(reportOf(await directory.headwater(words)).files, []);
      }
    });

    // Prisma's needs a client that was generated.
    const others = ormNames.filter((orm) => !orms.includes(orm) && orm !== 'prisma');
    for (const orm of major === 18 ? others : []) {
      it(`writes an example for ${orm} whose row and event are one commit`, async () => {
        await using database = await createTestDatabase({ major });
        await using directory = await CommandDirectory.open();
        await database.query(`select pg_create_logical_replication_slot($1, 'test_decoding')`, [database.name]);
        const files = { packageJson: undefined, packageManagerField: undefined, lockfiles: [], names: [] };
        await directory.write('example.mts', exampleCode(orm, detectProject(files), 'example.mts'));
        const placed = await directory.node('example.mts', { DATABASE_URL: database.url });
        assert.equal(placed.code, 0, placed.stderr);
        const changes = await database.query<{ xid: string; line: string }>(
          `select xid::text, data as line from pg_logical_slot_get_changes($1, null, null)
           where data like '%headwater_example: INSERT%' or data like '%prefix: headwater:1,%'`,
          [database.name],
        );
        assert.deepEqual(
          changes.map(({ xid }) => xid),
          [changes[0]?.xid, changes[0]?.xid],
        );
      });
    }
  });
}
