import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { readLines } from '../delivery/sinks/file/testing/read-lines.ts';
import { isProcessStopped } from '../postgres/process-identity.ts';
import type { StandbyReport, TakeoverReport } from '../service/standby-report.ts';
import type { StatusReport } from '../service/status-report.ts';
import { CommandDirectory } from './testing/command-directory.ts';

const skip = await skipReason('postgres18');
const pauseMsMax = 5000;

interface RunLine {
  readonly event: 'standby' | 'started';
  readonly http: string;
  readonly takeover?: TakeoverReport | null;
}

/** One `headwater run`, and what it wrote. */
class Run {
  readonly child: ChildProcess;
  readonly #lines: RunLine[] = [];
  #log = '';

  constructor(directory: CommandDirectory, words: readonly string[] = []) {
    this.child = directory.start(['run', '--json', '--standby', '--standby-port', '0', ...words]);
    const { stderr, stdout } = this.child;
    if (stdout !== null)
      createInterface(stdout).on('line', (line) => void this.#lines.push(JSON.parse(line) as RunLine));
    stderr?.on('data', (chunk: Buffer) => void (this.#log += chunk.toString()));
  }

  async line(event: RunLine['event'], timeoutMs?: number): Promise<RunLine> {
    const find = (): RunLine | undefined => this.#lines.find((line) => line.event === event);
    await waitUntil(`process ${this.child.pid} is ${event}`, () => find() !== undefined, timeoutMs).catch(
      (cause: unknown) => assert.fail(`${String(cause)}\n${this.#log}`),
    );
    const line = find();
    assert.ok(line !== undefined);
    return line;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}

/** Commits row after row until it is told to end; one connection, so that the order of commits is that of the ids. */
class Writer implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  count = 0;

  constructor(database: TestDatabase) {
    this.#running = this.#run(database);
  }

  async grows(): Promise<void> {
    const before = this.count;
    await waitUntil('writes go on', () => this.count > before + 20);
  }

  async end(): Promise<number> {
    this.#abort.abort();
    await this.#running;
    return this.count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #run(database: TestDatabase): Promise<void> {
    const client = await database.connect();
    while (!this.#abort.signal.aborted) {
      await client.query('insert into orders values ($1)', [this.count]);
      this.count += 1;
    }
  }
}

async function prepare(directory: CommandDirectory, database: TestDatabase): Promise<void> {
  await database.query('create table orders (id integer primary key)');
  await mkdir(join(directory.path, 'lines'));
  await directory.write(
    'headwater.config.mjs',
    `import { fileSink } from 'headwater/file';
     export default {
       installation: '${database.name}',
       source: { url: '${database.url}', slot: '${database.name}', tables: ['orders'] },
       journal: { directory: './journal' },
       http: { port: 0 },
       lanes: { lines: { sink: fileSink({ directory: './lines' }) } },
     };`,
  );
}

/** The ids of the lines that are there, in the order of the files. */
async function idsIn(directory: CommandDirectory): Promise<readonly number[]> {
  const folder = join(directory.path, 'lines');
  const names = (await readdir(folder)).filter((name) => name.includes('.ndjson')).toSorted();
  const ids: number[] = [];
  for (const name of names) {
    for (const line of readLines(name, await readFile(join(folder, name)))) {
      ids.push(Number((line['after'] as { readonly id: string }).id));
    }
  }
  return ids;
}

/** No line twice is seen by the length, none missing by the ids. */
async function assertComplete(directory: CommandDirectory, count: number): Promise<void> {
  await waitUntil('all are delivered', async () => (await idsIn(directory)).length >= count, 60_000);
  assert.deepEqual(await idsIn(directory), [...Array(count).keys()]);
}

async function ask(url: string, path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(new URL(path, url));
  return { status: response.status, body: await response.json() };
}

async function askStandby(url: string): Promise<StandbyReport> {
  return (await ask(url, '/status')).body as StandbyReport;
}

describe('a second process that stands by', { skip }, () => {
  it('takes over within 5 s of each kill -9 of the owner, and nothing is lost or written twice', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using directory = await CommandDirectory.open();
    await prepare(directory, database);
    let owner = new Run(directory);
    assert.equal((await owner.line('started')).takeover, null, 'nobody was waited for');
    await using writer = new Writer(database);
    for (let kill = 1; kill <= 4; kill += 1) {
      const standby = new Run(directory);
      await standby.line('standby');
      await writer.grows();
      // A stopped owner may go on at any moment: the last round shows that nobody takes its place before it is gone.
      if (kill === 4) {
        owner.child.kill('SIGSTOP');
        await waitUntil('the owner is stopped', () => isProcessStopped(owner.child.pid ?? 0));
        const report = await askStandby((await standby.line('standby')).http);
        assert.equal(report.owner?.state, 'stopped');
      }
      const killedPid = owner.child.pid;
      const killedAt = Date.now();
      await owner.end('SIGKILL');
      const { takeover, http } = await standby.line('started');
      assert.equal(takeover?.from?.pid, killedPid);
      assert.equal(takeover?.orderly, false);
      const pauseMs = Date.parse(takeover.at) - killedAt;
      assert.ok(pauseMs < pauseMsMax, `pause of ${pauseMs} ms`);
      assert.ok(Math.abs(pauseMs - takeover.pauseMs) < 1000, `reported as ${takeover.pauseMs} ms, was ${pauseMs} ms`);
      const report = (await ask(http, '/status')).body as StatusReport;
      assert.equal(report.owner.pid, standby.child.pid);
      assert.deepEqual(report.takeover, takeover);
      owner = standby;
    }
    await writer.grows();
    await assertComplete(directory, await writer.end());
  });

  it('goes on after an owner that is stopped in order while rows are written, and says how long the pause was', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using directory = await CommandDirectory.open();
    await prepare(directory, database);
    let owner = new Run(directory);
    await owner.line('started');
    await using writer = new Writer(database);
    for (let restart = 1; restart <= 3; restart += 1) {
      const standby = new Run(directory);
      await standby.line('standby');
      await writer.grows();
      await owner.end('SIGTERM');
      assert.equal(owner.child.exitCode, 0);
      const { takeover } = await standby.line('started');
      assert.equal(takeover?.orderly, true);
      assert.ok(takeover.pauseMs > 0 && takeover.pauseMs < pauseMsMax, `pause of ${takeover.pauseMs} ms`);
      owner = standby;
    }
    await writer.grows();
    await assertComplete(directory, await writer.end());
  });

  it('is alive and not ready, names the owner, and ends with 0 when it is stopped before its turn', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using directory = await CommandDirectory.open();
    await prepare(directory, database);
    const owner = new Run(directory);
    await owner.line('started');
    const standby = new Run(directory);
    const { http } = await standby.line('standby');
    assert.equal((await fetch(new URL('/livez', http))).status, 200);
    const ready = await ask(http, '/readyz');
    const { reasons } = ready.body as { readonly reasons: readonly string[] };
    assert.equal(ready.status, 503);
    assert.match(reasons.join(), new RegExp(`^standby: process ${owner.child.pid} on .* holds the journal$`));
    const { owner: named, state } = await askStandby(http);
    assert.deepEqual([state, named?.pid, named?.state], ['standby', owner.child.pid, 'running']);
    assert.match(await (await fetch(new URL('/metrics', http))).text(), /^headwater_standby\{.*\} 1$/m);
    const people = await directory.headwater(['status', '--url', http]);
    assert.match(people.stdout, new RegExp(`^standby: process ${owner.child.pid} on `));
    await standby.end('SIGTERM');
    assert.equal(standby.child.exitCode, 0);
    const refused = await directory.headwater(['run', '--standby-port', '0']);
    assert.deepEqual([refused.code, /HW-\w+-\d+/.exec(refused.stderr)?.[0]], [2, 'HW-SERVICE-004']);
  });

  it('leaves the journal to one of several', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using directory = await CommandDirectory.open();
    await prepare(directory, database);
    const owner = new Run(directory);
    await owner.line('started');
    await using writer = new Writer(database);
    const waiting = [new Run(directory), new Run(directory), new Run(directory)];
    for (const run of waiting) await run.line('standby');
    await owner.end('SIGKILL');
    for (let left = waiting; left.length > 0;) {
      const next = await Promise.any(left.map(async (run) => run.line('started').then(() => run)));
      await writer.grows();
      const others = left.filter((run) => run !== next);
      for (const run of others) assert.equal(run.child.exitCode, null, 'the others wait');
      if (others.length === 0) break;
      await next.end('SIGKILL');
      left = others;
    }
    await assertComplete(directory, await writer.end());
  });
});
