import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Client, type QueryResultRow } from 'pg';
import { skipReason } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-server.ts';
import { isProcessRunning, listDescendants, type ProcessIdentity, readProcessIdentity } from './process-identity.ts';
import { readDirectoryOwner } from './server-directory.ts';
import { findClosedDirectory } from './server-user.ts';

const run = promisify(execFile);
const parent = await mkdtemp(join(tmpdir(), 'headwater-embedded-'));
// As the system's own temporary directory: root's server runs as another user, who removes its directory there.
await chmod(parent, 0o1777);
after(() => rm(parent, { recursive: true, force: true }));

/** The test tells shells from servers by /proc. */
const LINUX_ONLY = { skip: process.platform === 'linux' ? false : 'needs /proc' };

let count = 0;
function nextDirectory(): string {
  count += 1;
  return join(parent, `server-${count}`);
}

function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ directory: nextDirectory(), lifetime: 'scratch', ...options });
}

async function query<Row extends QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** The processes of the server in a directory: guard, postmaster and backends. */
async function listServerProcesses(directory: string): Promise<readonly number[]> {
  const owner = await readDirectoryOwner(directory);
  assert.ok(owner?.guard !== undefined && owner.server !== undefined);
  return [owner.guard.pid, ...(await listDescendants(owner.guard.pid))];
}

async function areAllGone(pids: readonly number[]): Promise<boolean> {
  const identities = await Promise.all(pids.map(readProcessIdentity));
  return identities.every((identity) => identity === undefined);
}

function hasCode(code: string, part: string): (error: unknown) => boolean {
  return (error) => error instanceof HeadwaterError && error.code === code && error.message.includes(part);
}

/** A program that starts a server in the directory, says so, and waits to be killed. */
function ownerProgram(directory: string, lifetime: 'kept' | 'scratch'): string {
  const module = JSON.stringify(new URL('./embedded-server.ts', import.meta.url).href);
  return `
    const { startEmbeddedPostgres } = await import(${module});
    const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, lifetime: '${lifetime}' });
    process.stdout.write(server.url + '\\n');
    process.stdin.resume();
  `;
}

interface OwnerProcess {
  readonly url: string;
  /** Holds the owner still, so that it notices nothing. */
  freeze(): void;
  kill(): Promise<void>;
}

async function startOwner(directory: string, lifetime: 'kept' | 'scratch'): Promise<OwnerProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', ownerProgram(directory, lifetime)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: line.toString('utf8').trim(),
    freeze: () => void child.kill('SIGSTOP'),
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('the private server', { skip: await skipReason('privatePostgres15', 'privatePostgres18') }, () => {
  test('is ready for logical replication and lets in nobody without the password', async () => {
    await using server = await start({ settings: { max_replication_slots: 7, 'headwater.note': "it's" } });
    const [row] = await query(
      server.url,
      `select current_setting('wal_level') as wal, current_setting('max_replication_slots') as slots,
      current_setting('headwater.note') as note, current_setting('fsync') as fsync, current_setting('listen_addresses') as address`,
    );
    assert.deepEqual(row, { wal: 'logical', slots: '7', note: "it's", fsync: 'on', address: '127.0.0.1' });
    const [slot] = await query(
      server.url,
      `select slot_name from pg_create_logical_replication_slot('s', 'pgoutput', false, true)`,
    );
    assert.deepEqual(slot, { slot_name: 's' });
    const url = new URL(server.url);
    url.password = 'guess';
    await assert.rejects(query(url.href, 'select 1'), { code: '28P01' });
  });

  test('under trust asks for no password', async () => {
    await using server = await start({ authentication: 'trust' });
    assert.equal(new URL(server.url).password, '');
    assert.equal((await query(server.url, 'select 1')).length, 1);
  });

  test('keeps every commit over a kill, and the kill leaves no process', async () => {
    await using server = await start();
    await query(server.url, 'create table kept (id int)');
    await query(server.url, 'insert into kept values (1), (2)');
    // A backend that computes never looks whether its postmaster still lives.
    const computation = 'select count(*) from generate_series(1, 1000000000000)';
    const busy = query(server.url, computation).catch(() => undefined);
    await waitUntil('the busy session', async () => {
      return (await query(server.url, `select 1 from pg_stat_activity where query = '${computation}'`)).length === 1;
    });
    const pids = await listServerProcesses(server.directory);
    assert.ok(pids.length > 4, 'backends are among them');
    await server.kill();
    assert.ok(await areAllGone(pids));
    assert.equal(server.isRunning, false);
    await busy;
    const { url } = server;
    await server.restart();
    assert.equal(server.url, url);
    assert.deepEqual(await query(server.url, 'select id from kept order by id'), [{ id: 1 }, { id: 2 }]);
  });

  test('takes new settings at a restart, in both stop modes', async () => {
    await using server = await start();
    await server.restart({ settings: { work_mem: '5MB' }, mode: 'immediate' });
    assert.deepEqual(await query(server.url, 'show work_mem'), [{ work_mem: '5MB' }]);
    await server.stop();
    await server.stop();
    await server.restart();
    assert.deepEqual(await query(server.url, 'show work_mem'), [{ work_mem: '5MB' }]);
  });

  test('a scratch server leaves neither files nor processes; a kept one leaves its data', async () => {
    const scratch = await start();
    const pids = await listServerProcesses(scratch.directory);
    await scratch[Symbol.asyncDispose]();
    await scratch[Symbol.asyncDispose]();
    assert.ok(await areAllGone(pids));
    await assert.rejects(access(scratch.directory), { code: 'ENOENT' });
    await assert.rejects(scratch.restart(), hasCode('HW-EMBEDDED-011', scratch.directory));

    const directory = nextDirectory();
    {
      await using first = await start({ directory, lifetime: 'kept' });
      await query(first.url, 'create table kept (id int)');
    }
    await using second = await start({ directory, lifetime: 'kept' });
    assert.deepEqual(await query(second.url, 'select count(*)::int as count from kept'), [{ count: 0 }]);
  });

  test('several start at once, each on a port of its own', async () => {
    const servers = await Promise.all([start(), start()]);
    try {
      assert.equal(new Set(servers.map(({ port }) => port)).size, 2);
      await Promise.all(servers.map(({ url }) => query(url, 'select 1')));
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });

  test('one directory has one server; the second is refused by the name of the first', async () => {
    await using server = await start();
    await assert.rejects(start({ directory: server.directory }), hasCode('HW-EMBEDDED-006', String(process.pid)));
    assert.equal((await query(server.url, 'select 1')).length, 1);
  });

  test('ends and is removed when its owner is killed', async () => {
    const directory = nextDirectory();
    const owner = await startOwner(directory, 'scratch');
    assert.equal((await query(owner.url, 'select 1')).length, 1);
    const pids = await listServerProcesses(directory);
    await owner.kill();
    await waitUntil('the end of every process', () => areAllGone(pids));
    await waitUntil('the removal of the directory', () =>
      access(directory).then(
        () => false,
        () => true,
      ),
    );
  });

  test(
    'when its owner and its guard are killed together, the next start ends it and goes on with its data',
    LINUX_ONLY,
    async () => {
      const directory = nextDirectory();
      const owner = await startOwner(directory, 'kept');
      await query(owner.url, 'create table kept (id int)');
      const claim = await readDirectoryOwner(directory);
      assert.ok(claim?.guard !== undefined && claim.server !== undefined);
      const orphan: ProcessIdentity = claim.server;
      owner.freeze();
      const shells = [claim.guard.pid, ...(await listDescendants(claim.guard.pid))].filter(
        (pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sh',
      );
      assert.equal(shells.length, 2, 'the guard and its watcher');
      for (const pid of shells) process.kill(pid, 'SIGKILL');
      await owner.kill();
      assert.equal(await isProcessRunning(orphan), true, 'nobody has ended the server yet');

      await using next = await start({ directory, lifetime: 'kept' });
      assert.equal(await isProcessRunning(orphan), false);
      assert.deepEqual(await query(next.url, 'select count(*)::int as count from kept'), [{ count: 0 }]);
    },
  );

  test('a taken port is refused by its number', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    assert.ok(typeof address === 'object' && address !== null);
    await assert.rejects(start({ port: address.port }), hasCode('HW-EMBEDDED-009', String(address.port)));
    other.close();
  });

  test('a setting that PostgreSQL refuses stops the start with the words of its log', async () => {
    const directory = nextDirectory();
    await assert.rejects(
      start({ directory, settings: { no_such_setting: 1 } }),
      hasCode('HW-EMBEDDED-008', 'no_such_setting'),
    );
    await assert.rejects(access(directory), { code: 'ENOENT' });
  });

  test('a cluster of another major version is refused, and left as it is', async () => {
    const directory = nextDirectory();
    const binaries = { kind: 'package', name: `postgres-15-${process.platform}-${process.arch}` } as const;
    await (await start({ directory, lifetime: 'kept', binaries }))[Symbol.asyncDispose]();
    await assert.rejects(start({ directory, lifetime: 'kept' }), hasCode('HW-EMBEDDED-010', 'PostgreSQL 15'));
    await using server = await start({ directory, lifetime: 'kept', binaries });
    assert.match(JSON.stringify(await query(server.url, 'show server_version')), /"15\./);
  });

  test('an interrupted start leaves no server and no directory', async () => {
    const directory = nextDirectory();
    const stop = new AbortController();
    const starting = start({ directory, signal: stop.signal });
    const rejected = assert.rejects(starting, /enough/);
    await waitUntil('the start of the server', async () =>
      (await readdir(directory).catch((): string[] => [])).includes('server.log'),
    );
    stop.abort(new Error('enough'));
    await rejected;
    await assert.rejects(access(directory), { code: 'ENOENT' });
  });

  test('a half-made cluster is made anew', async () => {
    const directory = nextDirectory();
    await mkdir(join(directory, 'data.partial'), { recursive: true });
    await writeFile(join(directory, 'data.partial/PG_VERSION'), '18\n');
    await using server = await start({ directory });
    assert.equal((await query(server.url, 'select 1')).length, 1);
  });
});

const isRoot = process.getuid?.() === 0;
const closed = await findClosedDirectory(process.execPath, { uid: 65_534, gid: 65_534 });
const closedCode = closed ?? (await findClosedDirectory(import.meta.dirname, { uid: 65_534, gid: 65_534 }));

test(
  'an ordinary user starts it just as well',
  {
    skip:
      (await skipReason('privatePostgres18')) ||
      (isRoot ? closedCode !== undefined && `nobody may not enter ${closedCode}` : false),
  },
  async () => {
    const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL('./embedded-server.ts', import.meta.url).href)});
    await using server = await startEmbeddedPostgres({ directory: process.env.DIRECTORY, lifetime: 'scratch' });
    await server.kill();
    await server.restart();
    process.stdout.write(process.getuid() + ' ' + server.isRunning);
  `;
    const open = join(parent, 'ordinary');
    await mkdir(open);
    await chmod(open, 0o777);
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: '/',
      env: { DIRECTORY: join(open, 'server'), HOME: open },
      ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
    });
    assert.equal(stdout, `${isRoot ? 65_534 : process.getuid?.()} true`);
    await assert.rejects(access(join(open, 'server')), { code: 'ENOENT' });
  },
);

test(
  'started by root below a closed directory, it names that directory',
  {
    skip: (await skipReason('privatePostgres18')) || (isRoot ? false : 'only root has another user to drop to'),
  },
  async () => {
    const shut = join(parent, 'shut');
    await mkdir(shut, { mode: 0o700 });
    await assert.rejects(
      start({ directory: join(shut, 'server') }),
      hasCode('HW-EMBEDDED-005', `may not enter ${shut}`),
    );
  },
);
