import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Client } from 'pg';
import { z } from 'zod';

import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { emit } from '../../application/emit/emit.ts';
import { defineEvents } from '../../application/emit/events.ts';
import { isProcessRunning, listDescendants, readProcessIdentity } from '../../postgres/process-identity.ts';

const events = defineEvents({ 'order.placed': z.object({ orderId: z.number() }) });

interface DevLine {
  readonly event?: string;
  readonly url?: string;
  readonly op?: string;
  readonly type?: string;
  readonly table?: string;
  readonly key?: string | null;
  readonly after?: Readonly<Record<string, unknown>>;
}

/** `headwater dev` as a user starts it: in a directory of its own, and in a process group as a terminal makes it. */
class StartedDev implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;
  #stdout = '';
  notes = '';

  constructor(cwd: string, ...words: readonly string[]) {
    this.child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../main.ts'), 'dev', '--http-port', '0', ...words],
      {
        cwd,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    this.child.stdout?.on('data', (part: Buffer) => (this.#stdout += String(part)));
    this.child.stderr?.on('data', (part: Buffer) => (this.notes += String(part)));
    this.exited = once(this.child, 'close');
  }

  get lines(): readonly DevLine[] {
    const whole = this.#stdout.slice(0, this.#stdout.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as DevLine);
  }

  async sees(fits: (line: DevLine) => boolean): Promise<DevLine> {
    await waitUntil('the line is printed', () => {
      assert.equal(this.child.exitCode, null, `headwater dev ended: ${this.notes}`);
      return this.lines.some(fits);
    });
    const line = this.lines.find(fits);
    assert.ok(line !== undefined);
    return line;
  }

  async start(): Promise<string> {
    const { url } = await this.sees(({ event }) => event === 'started');
    assert.ok(url !== undefined);
    return url;
  }

  /** Ctrl-C: the terminal sends SIGINT to every process of the group. */
  async interrupt(): Promise<void> {
    process.kill(-(this.child.pid ?? 0), 'SIGINT');
    const [code] = await this.exited;
    assert.equal(code, 0, this.notes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

async function connect(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // Ctrl-C ends the server under it.
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

let scratch: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'dev-test-'));
  await chmod(scratch, 0o755);
});
after(() => rm(scratch, { recursive: true, force: true }));

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(scratch, 'app-'));
  await chmod(directory, 0o755);
  return directory;
}

describe('headwater dev', () => {
  it('prints changes and events, ends with 0 at Ctrl-C, leaves no process, and keeps data and address', async () => {
    const cwd = await makeDirectory();
    await using dev = new StartedDev(cwd, '--json', '--payload');
    const url = await dev.start();
    {
      await using client = await connect(url);
      await client.query('create table orders (id int primary key, total text)');
      await client.query('begin');
      await client.query(`insert into orders values (1, '9.90')`);
      await emit(client, events['order.placed'], { orderId: 1 }, { key: 'order-1' });
      await client.query('commit');
    }
    const { after: row } = await dev.sees(({ op, table }) => op === 'insert' && table === 'public.orders');
    assert.deepEqual(row, { id: '1', total: '9.90' });
    assert.equal((await dev.sees(({ op }) => op === 'event')).key, 'order-1');
    const tables = dev.lines.flatMap(({ table }) => table ?? []);
    assert.ok(!tables.some((table) => table.startsWith('headwater.')), 'our own tables are not the application’s');
    const pids = await listDescendants(dev.child.pid ?? 0);
    const identities = (await Promise.all(pids.map(readProcessIdentity))).filter((found) => found !== undefined);
    assert.ok(identities.length > 3, 'PostgreSQL runs');
    await dev.interrupt();
    assert.match(dev.notes, /service\.stopped/, 'Headwater stopped before its PostgreSQL did');
    assert.doesNotMatch(dev.notes, /"level":"error"/);
    await waitUntil('no process is left', async () => {
      return !(await Promise.all(identities.map(isProcessRunning))).some(Boolean);
    });

    await using again = new StartedDev(cwd, '--json');
    assert.equal(await again.start(), url, 'the address stays');
    {
      await using client = await connect(url);
      assert.deepEqual((await client.query('select id from orders')).rows, [{ id: 1 }]);
      await client.query(`update orders set total = '8.90'`);
    }
    await again.sees(({ op }) => op === 'update');
    assert.deepEqual(
      again.lines.flatMap(({ op }) => op ?? []),
      ['update'],
      'what was delivered in the first run is not delivered again',
    );
    assert.equal(await readFile(join(cwd, '.headwater-dev', '.gitignore'), 'utf8'), '*\n');
    await again.interrupt();

    await using anew = new StartedDev(cwd, '--json', '--reset');
    {
      await using client = await connect(await anew.start());
      assert.deepEqual((await client.query(`select to_regclass('public.orders') as found`)).rows, [{ found: null }]);
    }
    await anew.interrupt();
  });

  it('runs the lanes of a configuration on a private source and journal, after the migrations of the application', async () => {
    const cwd = await makeDirectory();
    const handler = new URL('../../delivery/sinks/handler/handler-sink.ts', import.meta.url).href;
    await writeFile(
      join(cwd, 'headwater.config.mjs'),
      `import { appendFileSync } from 'node:fs';
       import { handlerSink } from '${handler}';
       const handle = (record) => appendFileSync('seen', record.kind + ' ');
       export default {
         source: { url: 'postgres://nobody@127.0.0.1:1/production', tables: ['orders', 'lines'] },
         journal: { directory: 'production-journal' },
         lanes: { seen: { sink: handlerSink({ name: 'seen', handle }) } },
       };`,
    );
    const migration = `import { Client } from '${import.meta.resolve('pg')}';
       const client = new Client({ connectionString: process.env.DATABASE_URL });
       await client.connect();
       await client.query('create table if not exists orders (id int primary key)');
       await client.end();`;
    await writeFile(join(cwd, 'migrate.mjs'), migration);
    await using dev = new StartedDev(cwd, '--json', '--migrate', `"${process.execPath}" migrate.mjs`);
    await waitUntil('it says that a table is missing', () => dev.notes.includes('waiting until lines exist'));
    assert.deepEqual(dev.lines, [], 'nothing has started yet');
    const { port } = JSON.parse(await readFile(join(cwd, '.headwater-dev', 'dev.json'), 'utf8')) as { port: number };
    const password = await readFile(join(cwd, '.headwater-dev', 'postgres', 'superuser-password'), 'utf8');
    await using client = await connect(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
    await client.query('create table lines (id int primary key)');
    await dev.start();
    await client.query('insert into orders values (1)');
    await client.query('insert into lines values (1)');
    await dev.sees(({ table }) => table === 'public.lines');
    await waitUntil('the lane has both', async () => {
      return (await readFile(join(cwd, 'seen'), 'utf8').catch(() => '')) === 'insert insert ';
    });
    await assert.rejects(readFile(join(cwd, 'production-journal')), { code: 'ENOENT' });
    await dev.interrupt();
  });

  it('refuses a directory of others, one in use, and tables that could not be made', async () => {
    const cwd = await makeDirectory();
    await writeFile(join(cwd, 'thesis.txt'), 'the only copy');
    await using foreign = new StartedDev(cwd, '--directory', '.', '--reset');
    assert.equal((await foreign.exited)[0], 2);
    assert.match(foreign.notes, /HW-DEV-001/);
    assert.equal(await readFile(join(cwd, 'thesis.txt'), 'utf8'), 'the only copy');

    await using failing = new StartedDev(cwd, '--migrate', 'exit 3');
    assert.equal((await failing.exited)[0], 1);
    assert.match(failing.notes, /HW-DEV-003.*ended with 3/);

    await using running = new StartedDev(cwd, '--json');
    await running.start();
    await using second = new StartedDev(cwd);
    await second.exited;
    assert.match(second.notes, /HW-EMBEDDED-006/);
    await using removing = new StartedDev(cwd, '--reset');
    assert.equal((await removing.exited)[0], 1);
    assert.match(removing.notes, /HW-DEV-002/);
    await running.interrupt();
  });
});
