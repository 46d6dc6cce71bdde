import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { createTestDatabase, skipReason, type TestDatabase } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import type { LaneOptions } from '../../delivery/lane-options.ts';
import type { HeadwaterConfig } from '../../service/config-types.ts';
import { startHeadwater } from '../../service/headwater.ts';
import { type BankView, bankView } from './testing/bank-view.ts';

const skip = await skipReason('postgres18');
const childPath = fileURLToPath(new URL('./testing/view-child.ts', import.meta.url));
const accountCount = 20;
const sum = BigInt(accountCount) * 1000n;

describe('a view of a PostgreSQL database', { skip }, () => {
  let scratch: string;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'headwater-view-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  it('shows the same sum at every read, while many clients transfer between accounts', async () => {
    await using source = await createTestDatabase({ major: 18 });
    const config = await configure(scratch, source);
    await using view = bankView();
    await using headwater = await startHeadwater({ ...config, lanes: { bank: { sink: view.sink } } });
    await open(source);
    const transfers = startTransfers(source, 4);
    const positions = new Set<bigint>();
    await waitUntil('the accounts are there', () => view.condition().position.sequence > 0n && total(view) === sum);
    while (positions.size < 200) {
      const { position, value } = view.read(({ accounts }) => ({
        rows: [...accounts.rows()].reduce((all, { balance }) => all + BigInt(balance ?? 0), 0n),
        total: accounts.aggregate('total'),
        size: accounts.size,
      }));
      assert.deepEqual(value, { rows: sum, total: sum, size: accountCount }, `at sequence ${position.sequence}`);
      positions.add(position.sequence);
      await new Promise(setImmediate);
    }
    await transfers.stop();
    await assertSame(view, source);
    assert.equal((await headwater.status()).lanes[0]?.complete, true);
  });

  it('is rebuilt, complete, after its process was killed in the middle of transfers', async () => {
    await using source = await createTestDatabase({ major: 18 });
    const config = await configure(scratch, source);
    await open(source);
    const transfers = startTransfers(source, 2);
    const child = spawn(process.execPath, [childPath, config.source.url, source.name, config.journal.directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    let lineCount = 0;
    const enough = Promise.withResolvers<void>();
    child.stdout.on('data', (chunk: Buffer) => {
      lineCount += chunk.toString().split('\n').length - 1;
      if (lineCount > 50) enough.resolve();
    });
    void closed.then(([code]) => enough.reject(new Error(`the child ended with ${String(code)}`)));
    await enough.promise;
    child.kill('SIGKILL');
    await closed;
    await using view = bankView();
    await using headwater = await startHeadwater({ ...config, lanes: { bank: { sink: view.sink } } });
    assert.equal(headwater.lanes.length, 1);
    await view.ready();
    await waitUntil('the view is complete', () => view.condition().isComplete);
    assert.equal(total(view), sum);
    await transfers.stop();
    await assertSame(view, source);
  });

  it('says that it lacks rows until their copy has come, and for ever where none is made', async () => {
    for (const snapshot of [true, false]) {
      await using source = await createTestDatabase({ major: 18 });
      const config = await configure(scratch, source);
      await open(source);
      await using view = bankView();
      assert.throws(() => total(view), { code: 'HW-VIEW-001' });
      const sourceOptions = { ...config.source, snapshot, canaryIntervalMs: 1000 };
      await using headwater = await startHeadwater({
        ...config,
        source: sourceOptions,
        lanes: { bank: { sink: view.sink } },
      });
      await view.ready();
      if (snapshot) {
        await waitUntil('the copy has come', () => view.condition().isComplete);
        await assertSame(view, source);
        continue;
      }
      await source.query(`insert into accounts values (100, 'new', 5)`);
      await waitUntil(
        'the new row is shown',
        () => view.read(({ accounts }) => accounts.has('100'), { allow: 'partial' }).value,
      );
      assert.throws(() => total(view), { code: 'HW-VIEW-002' });
      assert.deepEqual(view.condition().incompleteTables, [{ table: 'public.accounts', reason: 'not-copied' }]);
      assert.equal((await headwater.status()).lanes[0]?.complete, false);
    }
  });

  it('is copied anew at its start when the journal no longer reaches back, and is complete again', async () => {
    await using source = await createTestDatabase({ major: 18 });
    const config = await configure(scratch, source);
    const journal = { ...config.journal, segmentBytes: 65_536, minimumAgeMs: 0 };
    const start = async (view: BankView, options: Partial<LaneOptions>): ReturnType<typeof startHeadwater> =>
      await startHeadwater({
        ...config,
        source: { ...config.source, canaryIntervalMs: 1000 },
        journal,
        lanes: { bank: { sink: view.sink, ...options } },
      });
    await open(source);
    {
      await using first = bankView();
      await using headwater = await start(first, { start: 'beginning' });
      assert.equal(headwater.lanes.length, 1);
      await waitUntil('the copy has come', () => first.condition().isComplete);
      for (let round = 0; round < 40; round += 1) {
        await source.query('update accounts set owner = repeat(md5(random()::text), 60)');
      }
      const segments = join(config.journal.directory, 'segments');
      await waitUntil('retention has removed the beginning', async () => {
        await source.query(`update accounts set owner = 'ann'`);
        return !(await readdir(segments)).includes('0000000000000001.segment');
      });
    }
    {
      await using short = bankView();
      await using headwater = await start(short, { start: 'beginning' });
      await short.ready();
      assert.equal(headwater.lanes[0]?.status().beganLater, true);
      assert.deepEqual(short.condition().incompleteTables, [
        { table: 'public.accounts', reason: 'journal-begins-later' },
      ]);
    }
    await using again = bankView();
    await using headwater = await start(again, { start: 'snapshot' });
    await again.ready();
    await waitUntil('the new copy has come', () => again.condition().isComplete);
    await assertSame(again, source);
    assert.equal(headwater.lanes[0]?.status().beganLater, false);
  });
});

async function configure(
  scratch: string,
  source: TestDatabase,
): Promise<
  HeadwaterConfig & { readonly source: { readonly url: string }; readonly journal: { readonly directory: string } }
> {
  await source.query('create table accounts (id int primary key, owner text, balance bigint not null)');
  await source.query('create publication headwater for table accounts');
  const url = await source.grantRole('capture', { copiedTables: ['public.accounts'] });
  return { source: { url, slot: source.name }, journal: { directory: join(scratch, source.name) }, http: false };
}

async function open(source: TestDatabase): Promise<void> {
  await source.query(
    `insert into accounts select i, 'owner ' || i % 3, 1000 from generate_series(1, ${accountCount}) i`,
  );
}

/** Each transfer takes from one account and gives to another in one transaction, as two statements or more. */
function startTransfers(source: TestDatabase, clientCount: number): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const run = async (client: Awaited<ReturnType<TestDatabase['connect']>>, offset: number): Promise<void> => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      const from = 1 + ((number * 7 + offset) % accountCount);
      const to = 1 + ((number * 11 + offset * 3 + 5) % accountCount);
      await client.query('begin');
      await client.query('select from accounts where id in ($1, $2) order by id for update', [from, to]);
      await client.query('update accounts set balance = balance - 10 where id = $1', [from]);
      await client.query('update accounts set balance = balance + 10 where id = $1', [to]);
      await client.query(number % 9 === 0 ? 'rollback' : 'commit');
    }
  };
  const running = Promise.all(
    Array.from({ length: clientCount }, async (_, index) => await run(await source.connect(), index)),
  );
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function total(view: BankView): bigint {
  return view.read(({ accounts }) => accounts.aggregate('total')).value;
}

/** Waits until the view shows what the table holds; nobody writes meanwhile. */
async function assertSame(view: BankView, source: TestDatabase): Promise<void> {
  const rows = await source.query('select id::text, owner, balance::text from accounts order by id::text');
  await waitUntil('the view shows the last commit', () => {
    const { value } = view.read(({ accounts }) => [...accounts.rows()]);
    const shown = value.toSorted((left, right) => (`${left.id}` < `${right.id}` ? -1 : 1));
    return JSON.stringify(shown) === JSON.stringify(rows);
  });
}
