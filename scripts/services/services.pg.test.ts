import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { isProcessRunning } from '../../src/postgres/process-identity.ts';
import { readDirectoryOwner } from '../../src/postgres/server-directory.ts';
import { findInVersions, findPostgresTool } from './postgres-tools.ts';
import { serviceVariables } from './service.ts';
import { createTestDatabase, skipReason, startPrivatePostgres } from './testing.ts';
import { waitUntil } from './wait-until.ts';

const run = promisify(execFile);
const here = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a module text, or arguments, on this Node to its end; never rejects. */
async function runNode(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProgramEnd> {
  const clean = { ...process.env, HEADWATER_TEST_SERVICES: '', ...env };
  try {
    return { code: 0, ...(await run(process.execPath, [...argv], { env: clean })) };
  } catch (error) {
    const end = error as { code: number; stdout: string; stderr: string };
    return { code: end.code, stdout: end.stdout, stderr: end.stderr };
  }
}

function moduleText(text: string): readonly string[] {
  return ['--input-type=module', '-e', text];
}

/** The runner of a test run, reduced to its set-up: prints where it listens, then waits for the end. */
const SETUP_PROGRAM = `
  const { globalSetup, globalTeardown } = await import(${here('./test-setup.ts')});
  await globalSetup();
  process.stdout.write(process.env.HEADWATER_TEST_SERVICES + '\\n');
  for await (const _ of process.stdin);
  await globalTeardown();
`;
const ASK_PROGRAM = `
  const { postgresUrl } = await import(${here('./testing.ts')});
  process.stdout.write(await postgresUrl(18));
`;

describe('services', { skip: await skipReason('postgres15', 'postgres18', 'privatePostgres18') }, () => {
  for (const major of [15, 18] as const) {
    test(`a test database on PostgreSQL ${major} goes away with its slots, prepared transactions and roles`, async () => {
      const database = await createTestDatabase({ major });
      const { name } = database;
      await database.query('create table t (id int)');
      await database.query(`select pg_create_logical_replication_slot('${name}_s', 'pgoutput')`);
      await database.query(`create role ${name}_reader login password 'secret'`);
      await database.query(`grant select on t to ${name}_reader`);
      const reader = await database.connect(database.urlFor(`${name}_reader`, 'secret'));
      assert.deepEqual((await reader.query('select * from t')).rows, []);
      await database.query('begin');
      await database.query('insert into t values (1)');
      await database.query(`prepare transaction '${name}'`);
      await database[Symbol.asyncDispose]();

      await using other = await createTestDatabase({ major });
      const left = await other.query(
        `select datname::text as left from pg_database where datname = $1
         union all select slot_name::text from pg_replication_slots where database = $1
         union all select gid from pg_prepared_xacts where database = $1
         union all select rolname::text from pg_roles where starts_with(rolname, $1)`,
        [name],
      );
      assert.deepEqual(left, []);
    });
  }

  test('a shared server has room for many slots and flushes what it commits', async () => {
    await using database = await createTestDatabase({ major: 18 });
    const [row] = await database.query(`select current_setting('max_replication_slots')::int as slots,
      current_setting('max_wal_senders')::int as senders, current_setting('max_connections')::int as connections,
      current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`);
    assert.deepEqual(row, { slots: 50, senders: 50, connections: 200, fsync: 'on', commit: 'on' });
  });

  test('a database on a private server survives that server', async () => {
    await using server = await startPrivatePostgres({ major: 18, settings: { work_mem: '7MB' } });
    await using database = await createTestDatabase({ server });
    assert.deepEqual(await database.query('show work_mem'), [{ work_mem: '7MB' }]);
    await server.kill();
    await assert.rejects(database.query('select 1'));
    await server.restart();
    assert.deepEqual(await database.query('select 1 as one'), [{ one: 1 }]);
  });

  test('the processes of a run share one server, which starts when it is asked for and ends with the run', async () => {
    const setup = spawn(process.execPath, [...moduleText(SETUP_PROGRAM)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [socketPath] = (await once(createInterface({ input: setup.stdout }), 'line')) as [string];
    const env = { HEADWATER_TEST_SERVICES: socketPath, [serviceVariables.postgres18]: '' };
    const answers = await Promise.all([1, 2].map(() => runNode(moduleText(ASK_PROGRAM), env)));
    const [url] = answers.map(({ stdout }) => stdout);
    assert.deepEqual(answers, [
      { code: 0, stdout: url, stderr: '' },
      { code: 0, stdout: url, stderr: '' },
    ]);
    assert.match(url ?? '', /^postgres:/);
    setup.stdin.end();
    const [code] = (await once(setup, 'exit')) as [number];
    assert.equal(code, 0);
    await assert.rejects(createTestDatabase({ server: { url: url ?? '' } }), { code: 'ECONNREFUSED' });
    await assert.rejects(access(dirname(socketPath)), { code: 'ENOENT' });
  });

  test('when the run is killed, its servers end, and the next start removes what is left', async () => {
    const setup = spawn(process.execPath, [...moduleText(SETUP_PROGRAM)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [socketPath] = (await once(createInterface({ input: setup.stdout }), 'line')) as [string];
    const env = { HEADWATER_TEST_SERVICES: socketPath, [serviceVariables.postgres18]: '' };
    const { stdout: url } = await runNode(moduleText(ASK_PROGRAM), env);
    await (await createTestDatabase({ server: { url } }))[Symbol.asyncDispose]();
    setup.kill('SIGKILL');
    await once(setup, 'exit');
    await waitUntil('the end of the server', () =>
      createTestDatabase({ server: { url } }).then(
        () => false,
        () => true,
      ),
    );
    await access(dirname(socketPath));
    assert.equal((await runNode(moduleText(ASK_PROGRAM), { [serviceVariables.postgres18]: '' })).code, 0);
    await assert.rejects(access(dirname(socketPath)), { code: 'ENOENT' });
  });

  test('an address from the environment is used as it is, and nothing is started', async () => {
    const given = 'postgres://given@127.0.0.1:1/postgres';
    const { stdout } = await runNode(moduleText(ASK_PROGRAM), { [serviceVariables.postgres18]: given });
    assert.equal(stdout, given);
  });

  test('a command finds the addresses of the services it named, and its own exit code is kept', async () => {
    const script = `process.stdout.write(String(process.env.${serviceVariables.postgres18})); process.exit(7)`;
    const program = join(import.meta.dirname, 'run.ts');
    const { code, stdout } = await runNode([program, 'postgres18', '--', process.execPath, '-e', script]);
    assert.equal(code, 7);
    assert.match(stdout, /^postgres:\/\//);
    await waitUntil('the end of the server', () =>
      createTestDatabase({ server: { url: stdout } }).then(
        () => false,
        () => true,
      ),
    );
    assert.equal((await runNode([program, 'oracle', '--', 'true'])).code, 2);
  });

  test('a private server names its owner, so that a later run can judge whether it is stale', async () => {
    await using server = await startPrivatePostgres({ major: 18 });
    const owner = await readDirectoryOwner(server.directory);
    assert.equal(owner?.owner.pid, process.pid);
    assert.equal(owner.server !== undefined && (await isProcessRunning(owner.server)), true);
  });
});

describe('what cannot be had', () => {
  const program = `
    const { skipReason } = await import(${here('./testing.ts')});
    process.stdout.write(String(await skipReason('privateKafka')));
  `;
  const poor = { PATH: '/nonexistent', JAVA_HOME: '', [serviceVariables.kafka]: '' };

  test('is named with the way to get it, and its tests are skipped', async () => {
    const { code, stdout } = await runNode(moduleText(program), { ...poor, CI: '' });
    assert.equal(code, 0);
    assert.match(stdout, /no `java` on the PATH; install Java 17 or newer, or set HEADWATER_TEST_KAFKA_BROKERS/);
  });

  test('is a failure when CI=true', async () => {
    const { code, stderr } = await runNode(moduleText(program), { ...poor, CI: 'true' });
    assert.equal(code, 1);
    assert.match(stderr, /may not be left out when CI=true/);
  });

  test('is named at the end of the run together with the files that asked for it', async () => {
    const asking = `
      await import(${here('./test-setup.ts')}).then(async ({ globalSetup, globalTeardown }) => {
        await globalSetup();
        const { obtainService } = await import(${here('./services.ts')});
        process.argv[1] = 'src/some.kafka.test.ts';
        await obtainService('kafka');
        await globalTeardown();
      });
    `;
    const { stderr } = await runNode(moduleText(asking), poor);
    assert.match(stderr, /left out for want of kafka: .*java/);
    assert.match(stderr, /^ {2}src\/some\.kafka\.test\.ts$/m);
  });
});

describe("PostgreSQL's client programs", () => {
  test('are taken from the newest version by number, not by spelling', async () => {
    const root = await mkdtemp(join(tmpdir(), 'headwater-tools-'));
    try {
      for (const version of ['9', '15', '18']) {
        await run('mkdir', ['-p', join(root, version, 'bin')]);
        if (version !== '18') await run('install', ['-m', '755', '/dev/null', join(root, version, 'bin/pgbench')]);
      }
      assert.equal(await findInVersions(root, 'pgbench'), join(root, '15/bin/pgbench'));
      assert.equal(await findInVersions(join(root, 'absent'), 'pgbench'), undefined);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  test('are named when the directory given for them has none', async () => {
    process.env['HEADWATER_POSTGRES_TOOLS'] = '/nonexistent';
    const tool = await findPostgresTool('pg_recvlogical');
    delete process.env['HEADWATER_POSTGRES_TOOLS'];
    assert.deepEqual(tool, { kind: 'missing', reason: 'HEADWATER_POSTGRES_TOOLS has no pg_recvlogical: /nonexistent' });
  });
});
