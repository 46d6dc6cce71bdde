import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { Pool, type PoolClient } from 'pg';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { createFreshClient } from '../application/fresh/fresh-client.ts';
import { transact } from '../application/transact/transact.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { sinkFailure } from '../delivery/sink-failure.ts';
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
    /** Orders that the store of the lane `refusing` does not take. */
    const refused = new Set<string>();
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
          refusing: {
            onPoisoned: 'park',
            retry: { maxAttempts: 1 },
            sink: handlerSink({
              name: 'refusing',
              handle(record) {
                const id = record.kind === 'insert' ? columnValue(record.table, record.after, 'id') : undefined;
                if (refused.has(String(id))) throw sinkFailure('poison', 'the store does not take it');
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
          { lane: 'refusing', sink: 'handler', state: 'applied' },
          { lane: 'nothing', sink: 'handler', state: 'applied' },
        ],
      });
      const receipt = await transact(pool, (tx: PoolClient) => tx.query(`insert into orders values ('ladder')`));
      await client.readyFor('seen', receipt.token);
      for (const service of [headwater, client]) {
        const { boundaries, outcome } = await receipt.status(service);
        assert.equal(outcome, 'committed');
        assert.deepEqual(boundaries.slice(0, 2), [
          { boundary: 'postgresql', kind: 'postgresql', state: 'committed' },
          { boundary: 'journal', kind: 'journal', state: 'journaled' },
        ]);
        assert.deepEqual(boundaries[3], { boundary: 'seen', kind: 'handler', state: 'applied' });
      }
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

    it('end promptly although the token lies right behind the header of an empty page of the log', async () => {
      const { token } = await endOfPage(pool);
      await headwater.readyFor('seen', token, { timeoutMs: 1500 });
    });

    it('end promptly although another transaction has written behind the commit, and is open', async () => {
      const other = await pool.connect();
      try {
        await other.query('begin');
        for (let round = 0; round < 10; round += 1) {
          const id = `asynchronous-${major}-${round}`;
          const { token } = await transact(pool, async (tx) => {
            await tx.query('set local synchronous_commit = off');
            await tx.query('insert into orders values ($1)', [id]);
          });
          await other.query(`insert into unpublished values ('open-${round}')`);
          // As a reader takes it: behind what is in the memory of the server alone.
          const { token: read } = await transact(pool, (tx) => tx.query('select 1'));
          await headwater.readyFor('seen', mergeVersionTokens(token, read), { timeoutMs: 1500 });
          assert.ok(seen.has(id), id);
        }
      } finally {
        await other.query('rollback');
        other.release();
      }
    });

    it('are told by name that they wait for too much, with the lag, and never get an older answer', async () => {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      try {
        const { id, token } = await insert();
        const error = await rejected(headwater.readyFor('seen', token, { timeoutMs: 100 }), 'HW-TOKEN-005');
        assert.deepEqual([error.details['lane'], error.details['lagTransactions']], ['seen', 1]);
        assert.ok(!seen.has(id));
        const client = createFreshClient({ url: headwater.httpUrl ?? '' });
        await rejected(client.readyFor('seen', token, { timeoutMs: 10 }), 'HW-TOKEN-005');
        assert.deepEqual((await headwater.readBoundaries(token)).lanes[1], {
          lane: 'seen',
          sink: 'handler',
          state: 'pending',
        });
        const reason = new Error('the client went away');
        await assert.rejects(headwater.readyFor('seen', token, { signal: AbortSignal.abort(reason) }), reason);
        const controller = new AbortController();
        const waiting = headwater.readyFor('seen', token, { signal: controller.signal });
        controller.abort(reason);
        await assert.rejects(waiting, reason);
        held.resolve();
        await headwater.readyFor('seen', token);
        assert.ok(seen.has(id));
      } finally {
        held.resolve();
        gate = Promise.resolve();
      }
    });

    it('are refused at once when what the token stands for is parked, and get their answer when it is released', async () => {
      const before = await insert();
      assert.equal((await headwater.readyFor('refusing', before.token)).parkedCount, 0);
      refused.add(`order-${count + 1}`);
      const { token } = await insert();
      const after = await insert();
      const client = createFreshClient({ url: headwater.httpUrl ?? '' });
      for (const service of [headwater, client]) {
        const error = await rejected(service.readyFor('refusing', token, { timeoutMs: 60_000 }), 'HW-TOKEN-007');
        assert.deepEqual([error.details['lane'], error.details['parkedCount']], ['refusing', 1]);
        await rejected(service.readyFor('refusing', after.token, { timeoutMs: 60_000 }), 'HW-TOKEN-007');
        const allowed = await service.readyFor('refusing', token, { parked: 'allow' });
        assert.equal(allowed.parkedCount, 1, 'counted for those who allow it');
        assert.equal((await service.readyFor('seen', token)).parkedCount, 0, 'no other lane is meant');
        const { lanes } = await service.readBoundaries(token);
        assert.equal(lanes.find(({ lane }) => lane === 'refusing')?.state, 'parked');
      }
      refused.clear();
      assert.equal(headwater.lane('refusing').retryParked(), 1);
      await waitUntil('the order is released', () => headwater.lane('refusing').status().parkedRecordCount === 0);
      assert.equal((await headwater.readyFor('refusing', token)).parkedCount, 0);
    });

    it('are told at once that a lane does not run', async () => {
      await headwater.lane('seen').pause();
      const { token } = await insert();
      await rejected(headwater.readyFor('seen', token, { timeoutMs: 60_000 }), 'HW-LANE-012');
      await headwater.lane('seen').resume();
      await headwater.readyFor('seen', token);
    });

    it('refuse a token of another system, of another timeline, and what is no token', async () => {
      const { token } = await insert();
      const [entry] = decodeVersionToken(token);
      assert.ok(entry !== undefined);
      const refusals = [
        [encodeVersionToken([{ ...entry, systemId: '1' }]), 'HW-TOKEN-003'],
        [encodeVersionToken([{ ...entry, timeline: entry.timeline + 1 }]), 'HW-TOKEN-004'],
        ['rubbish', 'HW-TOKEN-001'],
      ] as const;
      for (const [refused, code] of refusals) {
        await rejected(headwater.readyFor('seen', refused), code);
        await rejected(view.readyFor(refused), code);
        await rejected(headwater.readBoundaries(refused), code);
      }
      const response = await fetch(`${headwater.httpUrl}/fresh?lane=seen&token=rubbish`);
      assert.equal(response.status, 400);
      // Of several sources the one that is asked.
      const vector = encodeVersionToken([entry, { ...entry, systemId: '1', lsn: toLsn(2n ** 63n) }]);
      await headwater.readyFor('seen', vector);
    });

    it('wait for the journal no longer than they may, and are told how far it is', async () => {
      const { token } = await insert();
      const [entry] = decodeVersionToken(token);
      assert.ok(entry !== undefined);
      const future = encodeVersionToken([{ ...entry, lsn: toLsn(entry.lsn + 2n ** 40n) }]);
      for (const wait of [
        headwater.readyFor('seen', future, { timeoutMs: 50 }),
        view.readyFor(future, { timeoutMs: 50 }),
      ]) {
        const error = await rejected(wait, 'HW-TOKEN-005');
        assert.equal(error.details['boundary'], 'journal');
        assert.ok(Number(error.details['lagBytes']) > 0);
      }
      assert.equal((await headwater.readBoundaries(future)).journal, 'pending');
    });
  });
}

/** Writes until the insert location lies right behind the header of a page, and takes a token there. */
async function endOfPage(pool: Pool): Promise<{ token: VersionToken }> {
  const [block, header] = [8192n, 24n];
  const client = await pool.connect();
  try {
    const locate = async (): Promise<bigint> => {
      const { rows } = await client.query<{ lsn: string }>(`select pg_current_wal_insert_lsn() - '0/0' as lsn`);
      return BigInt(rows[0]?.lsn ?? 0);
    };
    for (let round = 0; round < 1000; round += 1) {
      const left = block - ((await locate()) % block);
      // A message of no transaction takes its content and some bytes more; what is left over is tried again on the next page.
      const content = 'x'.repeat(Number(left > 120n ? left - 80n : block + left - 80n) - (round % 10) * 8);
      await client.query(`select pg_logical_emit_message(false, '', $1::text)`, [content]);
      const lsn = await locate();
      if (lsn % block !== header || lsn % 0x100_0000n < block) continue;
      const { token } = await transact(pool, (tx) => tx.query('select 1'));
      // Else somebody on the shared server has written meanwhile.
      if (decodeVersionToken(token)[0]?.lsn === lsn - header) return { token };
    }
    throw new Error('no page ended where a message did');
  } finally {
    client.release();
  }
}

async function rejected(work: Promise<unknown>, code: string): Promise<HeadwaterError> {
  const error = await work.then(
    () => assert.fail('it resolved'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HeadwaterError, inspect(error));
  assert.equal(error.code, code, error.message);
  return error;
}
