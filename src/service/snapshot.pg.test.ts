import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { handlerSink } from '../delivery/sinks/handler/handler-sink.ts';
import { postgresSink } from '../delivery/sinks/postgres/postgres-sink.ts';
import type { HeadwaterConfig } from './config-types.ts';
import { startHeadwater, type Headwater } from './headwater.ts';

const skip = await skipReason('postgres18');

describe('a Headwater on a database that was there before', { skip }, () => {
  let scratch: string;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'headwater-snapshot-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  it('gives a mirror every row, older and newer, while the application writes, and calls it complete then', async () => {
    await using source = await createTestDatabase({ major: 18 });
    await using target = await createTestDatabase({ major: 18 });
    await fill(source);
    const writing = startWriting(source);
    {
      await using headwater = await startHeadwater(await configure(scratch, source, target));
      await waitUntil('the copy is complete', async () => (await laneOf(headwater, 'mirror')).complete);
      await writing.stop();
      const status = await headwater.status();
      assert.deepEqual(status.source.incompleteTables, []);
      assert.deepEqual(
        status.source.copies.map(({ lanes, rowCount, state, table }) => ({
          lanes,
          rows: rowCount >= 4900,
          state,
          table,
        })),
        [{ lanes: null, rows: true, state: 'done', table: 'public.orders' }],
      );
      await waitForEnd(headwater, source);
      assert.deepEqual(await rowsOf(target), await rowsOf(source));
    }
    // It is known to be complete after a restart, too, and copied once.
    await using headwater = await startHeadwater(await configure(scratch, source, target));
    await waitUntil('the lane runs', async () => (await laneOf(headwater, 'mirror')).complete);
    assert.deepEqual((await headwater.status()).source.copies, []);
  });

  it('copies all tables for a lane that is added later, and disturbs no other lane', async () => {
    await using source = await createTestDatabase({ major: 18 });
    await using target = await createTestDatabase({ major: 18 });
    await fill(source);
    const seen: string[] = [];
    const handler = handlerSink({
      name: 'seen',
      handleChange(change) {
        if (change.kind !== 'truncate') seen.push(change.kind);
      },
    });
    const config = await configure(scratch, source, target);
    {
      await using headwater = await startHeadwater({ ...config, lanes: { seen: { sink: handler } } });
      await waitUntil('the copy has come', async () => (await laneOf(headwater, 'seen')).complete);
      assert.equal(seen.length, 5000);
    }
    const { mirror } = config.lanes ?? {};
    assert.ok(mirror !== undefined);
    const writing = startWriting(source);
    const lanes = { seen: { sink: handler }, mirror: { ...mirror, start: 'snapshot' } } as const;
    await using headwater = await startHeadwater({ ...config, lanes });
    await waitUntil('the copy is complete', async () => (await laneOf(headwater, 'mirror')).complete);
    await writing.stop();
    await waitForEnd(headwater, source);
    assert.deepEqual(await rowsOf(target), await rowsOf(source));
    assert.equal(seen.filter((kind) => kind === 'read').length, 5000, 'the other lane has seen each older row once');
  });
});

async function fill(source: TestDatabase): Promise<void> {
  await source.query('create table orders (id bigint primary key, total numeric(20, 4), note text, document text)');
  await source.query('alter table orders alter column document set storage external');
  await source.query(
    `insert into orders select i, i::numeric / 7, 'order ' || i, repeat(i::text, 900) from generate_series(1, 5000) i`,
  );
}

async function configure(
  scratch: string,
  source: TestDatabase,
  target: TestDatabase,
): Promise<HeadwaterConfig & { readonly source: { readonly url: string } }> {
  await source.query('create publication headwater for table orders').catch(() => undefined);
  const url = await source.grantRole('capture', { copiedTables: ['public.orders'] });
  return {
    source: { url, slot: source.name },
    journal: { directory: join(scratch, source.name) },
    http: false,
    lanes: { mirror: { sink: postgresSink({ url: target.url }) } },
  };
}

function startWriting(source: TestDatabase): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async (): Promise<void> => {
    const client = await source.connect();
    for (let number = 1; !stopping.signal.aborted; number += 1) {
      const id = (number * 37) % 5000;
      await client.query('update orders set note = $2, total = total + 1 where id = $1', [id, `note ${number}`]);
      if (number % 5 === 0) await client.query('delete from orders where id = $1', [id + 1]);
      if (number % 3 === 0) await client.query(`insert into orders values ($1, 1, 'new', 'new')`, [1_000_000 + number]);
      if (number % 11 === 0) await client.query('update orders set id = id + 2000000 where id = $1', [id + 3]);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function laneOf(headwater: Headwater, name: string): Promise<{ readonly complete: boolean }> {
  const { lanes } = await headwater.status();
  const lane = lanes.find((one) => one.name === name);
  assert.ok(lane !== undefined);
  return lane;
}

async function waitForEnd(headwater: Headwater, source: TestDatabase): Promise<void> {
  await source.query(`insert into orders values (9000000, 1, 'last', 'last')`);
  const [end] = await source.query<{ lsn: string }>(`select pg_current_wal_lsn()::text as lsn`);
  const [, low = ''] = (end?.lsn ?? '').split('/');
  const endLow = Number.parseInt(low, 16);
  await waitUntil('the last row is durable', async () => {
    const { durableLsn } = (await headwater.status()).source;
    return durableLsn !== null && Number.parseInt(durableLsn.split('/')[1] ?? '', 16) >= endLow;
  });
  await headwater.drain();
}

async function rowsOf(database: TestDatabase): Promise<readonly unknown[]> {
  return await database.query(
    'select id::text, total::text, note, md5(document) as document from orders order by orders.id',
  );
}
