import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { defineEvents } from '../emit/events.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import { type DatabaseRoot, databaseRoots, runIn } from '../testing/database-roots.ts';
import { readOutcome } from './read-outcome.ts';
import { resumeReceipt } from './resume-receipt.ts';
import { transact } from './transact.ts';
import type { UnitOfWork } from './transact-types.ts';

const events = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) });

/** What goes over the connection for one unit before its COMMIT, in order. */
const steps = ['begin', 'insert into public.orders', 'pg_logical_emit_message'] as const;

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`transact over a bad network, PostgreSQL ${major}`, { skip }, () => {
    let stage: EventDatabase;
    let proxy: FaultProxy;
    before(async () => {
      stage = await createEventDatabase(major);
      const { hostname, port } = new URL(stage.applicationUrl);
      proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
    });
    after(async () => {
      await proxy[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    });

    const found = async (id: string): Promise<{ rows: number; events: number }> => {
      const rows = await stage.database.query('select id from public.orders where id = $1', [id]);
      const events = (await stage.readEvents()).filter(({ key }) => key === id);
      return { rows: rows.length, events: events.length };
    };
    const applied = { rows: 1, events: 1 };
    const nothing = { rows: 0, events: 0 };
    const placeOrder = (id: string) => async (tx: unknown, unit: UnitOfWork) => {
      await runIn(tx, 'insert into public.orders values ($1)', [id]);
      await unit.emit(events['order.placed'], { orderId: id }, { key: id });
    };

    for (const [name, openRoot] of Object.entries(databaseRoots)) {
      describe(name, () => {
        let database: DatabaseRoot;
        before(() => {
          database = openRoot(proxy.reroute(stage.applicationUrl), 2);
        });
        after(() => database[Symbol.asyncDispose]());
        let count = 0;
        const nextId = (): string => `${name}-${(count += 1)}`;

        for (const step of steps) {
          // Drizzle 0.45 never gives a connection back whose BEGIN has failed.
          if (name === 'Drizzle' && step === 'begin') continue;
          it(`killed at "${step}", applies nothing and can be run again`, async () => {
            for (const cut of ['before', 'behind'] as const) {
              const id = nextId();
              const request = holdsText(step);
              const sprung = cut === 'before' ? proxy.cutBefore(request) : proxy.loseReply({ request });
              const error = await failure(transact(database.root, placeOrder(id)));
              await sprung;
              assert.equal(readOutcome(error), 'not-applied');
              await assertSettled(() => found(id), nothing);
              await transact(database.root, placeOrder(id));
              assert.deepEqual(await found(id), applied);
            }
          });
        }

        it('knows that it was committed although the answer to COMMIT was lost, and does not run again', async () => {
          const id = nextId();
          let runs = 0;
          const sprung = proxy.loseReply({ request: isCommit });
          const receipt = await transact(database.root, async (tx, unit) => {
            runs += 1;
            await placeOrder(id)(tx, unit);
          });
          await sprung;
          assert.equal(receipt.outcome, 'committed');
          assert.equal(runs, 1);
          assert.deepEqual(await found(id), applied);
        });

        it('knows that it was not applied when COMMIT has never arrived', async () => {
          const id = nextId();
          let runs = 0;
          const sprung = proxy.cutBefore(isCommit);
          const error = await refused(
            transact(database.root, async (tx, unit) => {
              runs += 1;
              await placeOrder(id)(tx, unit);
            }),
            'HW-TRANSACT-009',
          );
          await sprung;
          assert.equal(readOutcome(error), 'not-applied');
          assert.equal(runs, 1, 'nothing is run again behind an unknown COMMIT');
          assert.deepEqual(await found(id), nothing);
        });

        for (const arrives of [true, false]) {
          it(`does not guess while nobody can be asked, and the receipt tells later (COMMIT ${arrives ? 'arrived' : 'lost'})`, async () => {
            const id = nextId();
            const sprung = arrives ? proxy.loseReply({ request: isCommit }) : proxy.cutBefore(isCommit);
            const refusing = sprung.then(() => proxy.refuse(true));
            const error = await refused(
              transact(database.root, placeOrder(id), { settleTimeoutMs: 300 }),
              'HW-TRANSACT-007',
            );
            await refusing;
            assert.equal(readOutcome(error), 'indeterminate');
            const text = String(error.details['receipt']);
            const still = await resumeReceipt(database.root, text, { timeoutMs: 100 });
            assert.deepEqual([still.outcome, still.token], ['indeterminate', undefined]);
            proxy.refuse(false);
            const resumed = await resumeReceipt(database.root, text);
            assert.equal(resumed.outcome, arrives ? 'committed' : 'not-applied');
            assert.equal(resumed.token !== undefined, arrives);
            assert.deepEqual(resumed.events, [{ id: resumed.events[0]?.id }]);
            assert.deepEqual(await found(id), arrives ? applied : nothing);
          });
        }

        it('waits for a transaction that is still being committed', async () => {
          const id = nextId();
          const sprung = proxy.loseReply({ request: isCommit });
          // The commit waits for this lock in a deferred trigger; until then PostgreSQL says that it is in progress.
          const blocker = await stage.database.connect();
          await blocker.query('begin');
          await blocker.query('select pg_advisory_xact_lock(77)');
          const running = transact(database.root, async (tx, unit) => {
            await placeOrder(id)(tx, unit);
            await runIn(tx, 'insert into public.slow values (1)');
          });
          running.catch(() => undefined);
          await waitUntil('the commit waits', async () => {
            const waiting = await stage.database.query(
              `select 1 from pg_locks where locktype = 'advisory' and not granted`,
            );
            return waiting.length > 0;
          });
          // The connection ends under it, and the server goes on with the COMMIT that it has.
          proxy.cut();
          await blocker.query('commit');
          await blocker.end();
          const outcome = await running.then(
            (receipt) => receipt.outcome,
            (thrown: unknown) => readOutcome(thrown),
          );
          void sprung;
          assert.deepEqual(await found(id), outcome === 'committed' ? applied : nothing);
          assert.notEqual(outcome, 'indeterminate');
        });
      });
    }

    before(async () => {
      const [row] = await stage.database.query<{ role: string }>(
        `select rolname as role from pg_roles where rolname like '%application' and starts_with(rolname, current_database())`,
      );
      await stage.database.query('create table public.slow (id integer)');
      await stage.database.query(`grant select, insert on public.slow to ${row?.role}`);
      await stage.database.query(`create function public.wait_for_lock() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(77); return null; end $$`);
      await stage.database.query(`create constraint trigger slow_commit after insert on public.slow
        deferrable initially deferred for each row execute function public.wait_for_lock()`);
    });
  });
}

/** pg asks for the location in the message of the COMMIT; the others send it alone. */
function isCommit(bytes: Buffer): boolean {
  return /commit/i.test(bytes.toString('latin1'));
}

async function assertSettled(read: () => Promise<unknown>, wanted: unknown): Promise<void> {
  assert.deepEqual(await read(), wanted);
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => assert.fail('it resolved'),
    (thrown: unknown) => thrown,
  );
}

async function refused(work: Promise<unknown>, code: string): Promise<HeadwaterError> {
  const error = await failure(work);
  assert.ok(error instanceof HeadwaterError, inspect(error));
  assert.equal(error.code, code, inspect(error));
  return error;
}
