import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Pool, type PoolClient } from 'pg';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { createFreshClient } from '../application/fresh-client.ts';
import { transact } from '../application/transact.ts';
import { handlerSink } from '../delivery/sinks/handler/handler-sink.ts';
import { toLsn } from '../model/lsn.ts';
import { columnValue } from '../model/row.ts';
import {
  decodeVersionToken,
  encodeVersionToken,
  mergeVersionTokens,
  type VersionToken,
} from '../model/version-token.ts';
import { defineView } from '../reading/view/define-view.ts';
import { viewTable } from '../reading/view/view-definition.ts';
import { startHeadwater, type Headwater } from './headwater.ts';

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`reads behind a version token, PostgreSQL ${major}`, { skip }, () => {
    let scratch: string;
    let database: TestDatabase;
    let pool: Pool;
    let headwater: Headwater;
    const seen = new Set<string>();
    let gate = Promise.resolve();
    const view = defineView({ name: 'orders', tables: { orders: viewTable({ source: 'orders', columns: ['id'] }) } });

    before(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'headwater-fresh-'));
      database = await createTestDatabase({ major });
      await database.query('create table orders (id text primary key)');
      await database.query('create table unpublished (id text primary key)');
      pool = new Pool({ connectionString: database.url });
      headwater = await startHeadwater({
        source: { url: database.url, slot: database.name, tables: ['orders'], canaryIntervalMs: false },
        journal: { directory: join(scratch, 'journal') },
        http: { port: 0 },
        lanes: {
          view: { sink: view.sink },
          seen: {
            sink: handlerSink({
              name: 'seen',
              async handle(record) {
                await gate;
                if (record.kind === 'insert') seen.add(String(columnValue(record.table, record.after, 'id')));
              },
            }),
          },
          nothing: { filter: () => false, sink: handlerSink({ name: 'nothing', handle: () => undefined }) },
        },
      });
      await view.ready();
    });
    after(async () => {
      await headwater.stop();
      await pool.end();
      await database[Symbol.asyncDispose]();
      await rm(scratch, { recursive: true, force: true });
    });

    let count = 0;
    const insert = async (table = 'orders'): Promise<{ token: VersionToken; id: string }> => {
      const id = `order-${(count += 1)}`;
      const { token } = await transact(pool, (tx: PoolClient) => tx.query(`insert into ${table} values ($1)`, [id]));
      return { token, id };
    };

    it('see the write, on every lane and in a view, each time', async () => {
      for (let round = 0; round < 50; round += 1) {
        const { id, token } = await insert();
        const [condition] = await Promise.all([view.readyFor(token), headwater.readyFor('nothing', token)]);
        assert.ok(view.read(({ orders }) => orders.has(id), { allow: 'partial' }).value, id);
        assert.equal(condition.behind, 0n);
        const freshness = await headwater.readyFor('seen', token);
        assert.ok(seen.has(id), id);
        assert.equal(freshness.lag.transactionCount, 0n);
      }
    });

    it('see the write over HTTP, from another process', async () => {
      const client = createFreshClient({ url: headwater.httpUrl ?? '' });
      const { id, token } = await insert();
      const freshness = await client.readyFor('seen', token, { timeoutMs: 5000 });
      assert.ok(seen.has(id));
      assert.equal(freshness.position.sequence, headwater.lane('seen').status().checkpoint?.sequence);
      assert.deepEqual(await client.readBoundaries(token), {
        journal: 'journaled',
        lanes: [
          { lane: 'view', sink: 'view', state: 'applied' },
          { lane: 'seen', sink: 'handler', state: 'applied' },
          { lane: 'nothing', sink: 'handler', state: 'applied' },
        ],
      });
      await assert.rejects(client.readyFor('nobody', token), { code: 'HW-SERVICE-005' });
      await assert.rejects(client.readyFor('seen', 'rubbish'), { code: 'HW-TOKEN-001' });
    });

    it('end promptly when nothing follows, also for commits that nobody publishes', async () => {
      for (let round = 0; round < 20; round += 1) {
        const { token } = await insert('unpublished');
        await headwater.readyFor('seen', token, { timeoutMs: 1500 });
        await view.readyFor(token, { timeoutMs: 1500 });
      }
    });
  });
}
