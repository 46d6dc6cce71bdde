import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

import { skipReason } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { type ByteMatch, FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import { type OrderHooks, type OrderPlan, placeOrder } from '../testing/place-order.ts';
import type { OrderWork } from '../testing/place-order-worker.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';

/*
 * A connection that is lost at each statement of a transaction, for every client library: killed in the server, cut on the way
 * to it, cut on the way back. Whatever the application is told, row and event are both there or neither is.
 */
const skip = await skipReason('postgres18');

/** In whatever case and form a library writes it. */
const holdsCommit: ByteMatch = (bytes) => /\bcommit\b/i.test(bytes.toString('latin1'));
const holdsRow = holdsText('public.orders');
const holdsEvent = holdsText(' as xid');

type Fate = 'both' | 'neither';

/** Where the path to the server breaks. Not in front of BEGIN: Drizzle never gives back a client whose BEGIN failed. */
const losses: readonly (readonly [place: string, fate: Fate, arm: (proxy: FaultProxy) => Promise<void>])[] = [
  ['in front of the row', 'neither', (proxy) => proxy.cutBefore(holdsRow)],
  ['behind the row', 'neither', (proxy) => proxy.loseReply({ request: holdsRow })],
  ['in front of the event', 'neither', (proxy) => proxy.cutBefore(holdsEvent)],
  ['behind the event', 'neither', (proxy) => proxy.loseReply({ request: holdsEvent })],
  ['in front of COMMIT', 'neither', (proxy) => proxy.cutBefore(holdsCommit)],
  ['behind COMMIT', 'both', (proxy) => proxy.loseReply({ request: holdsCommit })],
];

for (const [name, library] of Object.entries(drivenLibraries)) {
  if (library.connectionsOf !== undefined) continue;
  describe(`a connection of ${name} that is lost`, { skip }, () => {
    let stage: EventDatabase;
    let role: string;
    let proxy: FaultProxy;
    let url: string;
    let runCount = 0;

    before(async () => {
      stage = await createEventDatabase(18);
      const { username, hostname, port } = new URL(stage.applicationUrl);
      role = username;
      proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
      url = proxy.reroute(stage.applicationUrl);
      await holdCommitsOf('held');
    });
    after(async () => {
      await proxy[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    });

    for (const [place, fate, arm] of losses) {
      it(`${place} leaves ${fate === 'both' ? 'both row and event' : 'neither row nor event'}`, async () => {
        const plan = nextPlan('orders');
        const sprung = arm(proxy);
        await placeInVain(plan);
        await sprung;
        await assertFate(plan, fate);
      });
    }

    it('because its process in the server is killed leaves neither row nor event', async () => {
      const early = nextPlan('orders');
      await placeInVain(early, { beforeEvent: killBackends });
      await assertFate(early, 'neither');
      const late = nextPlan('orders');
      await placeInVain(late, { behindEvent: killBackends });
      await assertFate(late, 'neither');
    });

    it('because its process is killed while it commits leaves neither row nor event', async () => {
      const holder = await stage.database.connect();
      await holder.query('select pg_advisory_lock(7)');
      const plan = nextPlan('held');
      const placed = placeInVain(plan);
      await waitUntil('a process that waits in COMMIT', async () => (await countWaiting()) > 0);
      await killBackends();
      await placed;
      await holder.query('select pg_advisory_unlock(7)');
      await assertFate(plan, 'neither');
    });

    function nextPlan(table: OrderPlan['table']): OrderPlan {
      runCount += 1;
      return { key: `order-${runCount}`, table, mode: runCount % 2 === 0 ? 'outbox' : 'message' };
    }

    /** The application is told of an error, or is gone. Where it is not spoilt, its next transaction finds another connection. */
    async function placeInVain(plan: OrderPlan, hooks: OrderHooks = {}): Promise<void> {
      if (library.lossSpoils !== undefined) {
        await assert.rejects(placeInThread({ library: name, url, plan }, hooks));
        return;
      }
      await using driver = await library.open({ url, connections: 1 });
      await assert.rejects(placeOrder(driver, plan, hooks));
      // A pool may lend the lost connection once more before it hears of the loss.
      await waitUntil('a transaction on another connection', () =>
        placeOrder(driver, { key: `next to ${plan.key}`, table: 'orders', mode: 'message' }).then(
          () => true,
          () => false,
        ),
      );
    }

    async function assertFate({ key, table }: OrderPlan, fate: Fate): Promise<void> {
      const rows = await stage.database.query(`select id from public.${table} where id = $1`, [key]);
      const keys = (await stage.readEvents()).map((event) => event.key);
      const others = library.lossSpoils !== undefined ? [] : [`next to ${key}`];
      assert.deepEqual(keys.toSorted(), fate === 'both' ? [...others, key].toSorted() : others);
      assert.equal(rows.length, fate === 'both' ? 1 : 0);
    }

    /** Of the application's role, which only this test has. Waits until they are gone. */
    async function killBackends(): Promise<void> {
      await stage.database.query(`select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = $1`, [
        role,
      ]);
    }

    async function countWaiting(): Promise<number> {
      const waiting = await stage.database.query(
        `select pid from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`,
        [role],
      );
      return waiting.length;
    }

    /** A table whose transactions wait in COMMIT for whoever holds the advisory lock 7. */
    async function holdCommitsOf(table: string): Promise<void> {
      for (const text of [
        `create table public.${table} (id text primary key)`,
        `grant select, insert on public.${table} to ${role}`,
        `create function public.wait_in_commit() returns trigger language plpgsql as
           'begin perform pg_advisory_xact_lock(7); return null; end'`,
        `create constraint trigger waits after insert on public.${table} deferrable initially deferred
           for each row execute function public.wait_in_commit()`,
      ]) {
        await stage.database.query(text);
      }
    }
  });
}

/** Rejects when the thread dies of the loss, or says nothing any more. */
async function placeInThread(workerData: OrderWork, hooks: OrderHooks): Promise<void> {
  const worker = new Worker(new URL('../testing/place-order-worker.ts', import.meta.url), { workerData });
  try {
    await new Promise<void>((resolve, reject) => {
      const deadline = AbortSignal.timeout(10_000);
      deadline.addEventListener('abort', () => reject(new Error('the thread says nothing any more')));
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the thread ended with ${code}`)));
      worker.on('message', (message: 'placed' | keyof OrderHooks) => {
        if (message === 'placed') {
          resolve();
          return;
        }
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
        void (hooks[message]?.() ?? Promise.resolve()).then(() => worker.postMessage('go on'));
      });
    });
  } finally {
    await worker.terminate();
  }
}
