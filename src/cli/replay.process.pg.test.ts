import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import type { StatusReport } from '../service/status-report.ts';
import { CommandDirectory, type CommandEnd } from './testing/command-directory.ts';

const skip = await skipReason('postgres18');

/** A directory whose lane `search` keeps a search table by a handler that may be called again; `mail` may not. */
async function prepare(database: TestDatabase, target: TestDatabase): Promise<CommandDirectory> {
  const directory = await CommandDirectory.open();
  await database.query(
    'create table orders (id text primary key, state text); create table noise (id int primary key)',
  );
  await target.query('create table search (id text primary key, state text); create table seen (at serial, text text)');
  await directory.write(
    'headwater.config.mjs',
    `import pg from 'pg';
     import { handlerSink } from 'headwater/handler';
     const pool = new pg.Pool({ connectionString: '${target.url}' });
     const column = ({ table, after }, name) => after[table.columns.findIndex((one) => one.name === name)];
     async function index(change) {
       if (change.kind === 'delete') return;
       const [id, state] = [column(change, 'id'), column(change, 'state')];
       await pool.query('insert into seen (text) values ($1)', [id + ' ' + state]);
       await pool.query('insert into search values ($1, $2) on conflict (id) do update set state = excluded.state', [id, state]);
     }
     export default {
       installation: '${database.name}',
       source: { url: '${database.url}', slot: '${database.name}', tables: ['orders', 'noise'] },
       journal: { directory: './journal' },
       http: { port: 0 },
       lanes: {
         search: {
           sink: handlerSink({ name: 'search', idempotent: true, handleChange: index }),
           filter: (record) => record.table?.tableName === 'orders',
         },
         mail: { sink: handlerSink({ name: 'mail', handleChange: () => undefined }) },
       },
     };`,
  );
  return directory;
}

class Running implements AsyncDisposable {
  readonly #child: ReturnType<CommandDirectory['start']>;
  #stdout = '';

  constructor(directory: CommandDirectory) {
    this.#child = directory.start(['run', '--json']);
    this.#child.stdout?.on('data', (chunk: Buffer) => void (this.#stdout += chunk.toString()));
    this.#child.stderr?.resume();
  }

  async url(): Promise<string> {
    await waitUntil('it runs', () => this.#stdout.includes('\n'), 60_000);
    return (JSON.parse(this.#stdout) as { readonly http: string }).http;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

async function lastOf(url: string): Promise<bigint> {
  const report = (await (await fetch(new URL('/status', url))).json()) as StatusReport;
  return BigInt(report.lanes.find(({ name }) => name === 'search')?.sequence ?? 0);
}

function codeOf({ stderr }: CommandEnd): string | undefined {
  return /HW-[A-Z]+-\d{3}/.exec(stderr)?.[0];
}

describe('headwater replay', { skip }, () => {
  it('counts first, then delivers again in order up to the newest, and mends what a bug left', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using target = await createTestDatabase({ major: 18 });
    await using directory = await prepare(database, target);
    let url: string;
    let middle: string;
    {
      await using running = new Running(directory);
      url = await running.url();
      for (const id of ['a', 'b']) {
        await database.query(`insert into orders values ('${id}', 'placed')`);
        await database.query(`insert into noise values (${id === 'a' ? 1 : 2})`);
      }
      const [place] = await database.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
      middle = place?.lsn ?? '';
      for (const state of ['paid', 'sent']) await database.query(`update orders set state = '${state}'`);
      await waitUntil('all is delivered', async () => (await lastOf(url)) === 6n);
      const wanted = await target.query('select id, state from search order by 1');
      assert.deepEqual(
        wanted,
        ['a', 'b'].map((id) => ({ id, state: 'sent' })),
      );

      const dry = await directory.headwater([
        'replay',
        'search',
        '--from',
        'beginning',
        '--dry-run',
        '--json',
        '--url',
        url,
      ]);
      assert.equal(dry.code, 0, dry.stderr);
      const { firstCommitAt, lastCommitAt, ...counts } = JSON.parse(dry.stdout) as Record<string, unknown>;
      assert.deepEqual(counts, {
        version: 1,
        dryRun: true,
        lane: 'search',
        from: '1',
        through: '6',
        recordCount: 6,
        leftOutCount: 2,
        droppedCount: 0,
        subjects: [{ subject: 'public.orders', recordCount: 6 }],
      });
      assert.ok(String(firstCommitAt) < String(lastCommitAt));
      const late = await directory.headwater(['replay', 'search', '--from', middle, '--dry-run', '--url', url]);
      assert.match(late.stdout, /^lane search would get 4 record\(s\) again, sequences 5 to 6$/m);
      assert.equal((await target.query('select * from seen')).length, 6, 'a dry run delivers nothing');

      const refused = await directory.headwater(['replay', 'search', '--from', '1', '--url', url]);
      assert.deepEqual([refused.code, codeOf(refused)], [8, 'HW-SERVICE-008']);
      await target.query(
        "update search set state = 'broken' where id = 'a'; delete from search where id = 'b'; delete from seen",
      );
      const done = await directory.headwater([
        'replay',
        'search',
        '--from',
        'beginning',
        '--yes',
        '--json',
        '--url',
        url,
      ]);
      assert.equal(done.code, 0, done.stderr);
      assert.deepEqual(JSON.parse(done.stdout), {
        version: 1,
        lane: 'search',
        from: '1',
        through: '6',
        dryRun: false,
        done: true,
      });
      assert.deepEqual(await target.query('select id, state from search order by 1'), wanted);
      const seen = (await target.query<{ text: string }>('select text from seen order by at')).map(({ text }) => text);
      for (const id of ['a', 'b']) {
        const own = seen.filter((text) => text.startsWith(id));
        assert.deepEqual(own, [`${id} placed`, `${id} paid`, `${id} sent`], 'in the order of the key');
      }
    }
    const left = await directory.headwater(['replay', 'search', '--from', '5', '--dry-run', '--json']);
    assert.equal(
      (JSON.parse(left.stdout) as { readonly recordCount: number }).recordCount,
      4,
      'counted when none runs',
    );
    assert.equal(
      codeOf(await directory.headwater(['replay', 'search', '--from', '5', '--yes', '--url', url])),
      'HW-SERVICE-002',
    );
  });

  it('goes on after a kill -9 in its middle, without being asked again', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using target = await createTestDatabase({ major: 18 });
    await using directory = await prepare(database, target);
    await using first = new Running(directory);
    const url = await first.url();
    const client = await database.connect();
    for (let id = 1; id <= 300; id += 1)
      await client.query('insert into orders values ($1, $2)', [String(id), 'placed']);
    await waitUntil('all is delivered', async () => (await lastOf(url)) === 300n);
    await target.query('delete from search; delete from seen');
    const begun = await directory.headwater(['replay', 'search', '--from', '1', '--yes', '--no-wait', '--url', url]);
    assert.equal(begun.code, 0, begun.stderr);
    await first.kill();
    await using second = new Running(directory);
    const next = await second.url();
    await waitUntil('the replay has ended', async () => (await lastOf(next)) === 300n);
    const [row] = await target.query('select count(*)::int as count from search');
    assert.deepEqual(row, { count: 300 });
  });

  it('is refused by name for a sink that takes nothing twice, and for a range that is not there', async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using target = await createTestDatabase({ major: 18 });
    await using directory = await prepare(database, target);
    await using running = new Running(directory);
    const url = await running.url();
    await database.query("insert into orders values ('a', 'placed')");
    await waitUntil('it is delivered', async () => (await lastOf(url)) === 1n);
    const codes: unknown[] = [];
    for (const words of [
      ['mail', '--from', '1', '--yes'],
      ['search', '--from', '2', '--yes'],
      ['search', '--from', '0', '--yes'],
      ['search', '--from', 'soon', '--yes'],
      ['search', '--yes'],
      ['nobody', '--from', '1', '--yes'],
    ]) {
      codes.push(codeOf(await directory.headwater(['replay', ...words, '--url', url])));
    }
    assert.deepEqual(codes, [
      'HW-LANE-020',
      'HW-LANE-021',
      'HW-LANE-021',
      'HW-SERVICE-004',
      'HW-SERVICE-004',
      'HW-SERVICE-005',
    ]);
    const response = await fetch(new URL('/replay', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ lane: 'mail', from: '1' }),
    });
    const { error } = (await response.json()) as { readonly error: { readonly code: string } };
    assert.deepEqual([response.status, error.code], [409, 'HW-LANE-020'], 'by the service too');
  });
});
