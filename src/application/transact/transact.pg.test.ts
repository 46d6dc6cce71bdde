import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { parseLsn } from '../../model/lsn.ts';
import { decodeVersionToken } from '../../model/version-token.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import { emit } from '../emit/emit.ts';
import { defineEvents } from '../emit/events.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import { type DatabaseRoot, databaseRoots, runIn } from '../testing/database-roots.ts';
import { createTransactor, transact } from './transact.ts';

const events = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) });
const payload = { orderId: 'secret-order' };

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`transact on PostgreSQL ${major}, as the application role`, { skip }, () => {
    let stage: EventDatabase;
    before(async () => {
      stage = await createEventDatabase(major);
    });
    after(() => stage[Symbol.asyncDispose]());
    const countOrders = async (): Promise<number> =>
      (await stage.database.query('select id from public.orders')).length;

    for (const [name, openRoot] of Object.entries(databaseRoots)) {
      describe(name, () => {
        let database: DatabaseRoot;
        let known = 0;
        before(() => {
          // A single connection: whatever is kept while another one is asked for would wait for ever.
          database = openRoot(stage.applicationUrl, 1);
        });
        after(() => database[Symbol.asyncDispose]());
        const order = (tx: unknown, id = `${name}-${(known += 1)}`): Promise<unknown> =>
          runIn(tx, 'insert into public.orders values ($1)', [id]);
        const assertUntouched = async (
          work: () => Promise<unknown>,
          code: string | RegExp,
        ): Promise<HeadwaterError> => {
          const before = await countOrders();
          await stage.readEvents();
          const error = await refused(work(), code);
          assert.equal(await countOrders(), before);
          assert.deepEqual(await stage.readEvents(), []);
          return error;
        };

        it('commits rows and gathered events together, and says so with a token behind the commit', async () => {
          const receipt = await transact(database.root, async (tx, unit) => {
            await order(tx);
            await unit.emit(events['order.placed'], payload, { key: 'first' });
            await emit(tx as never, events['order.placed'], payload, { key: 'plain' });
            await unit.emit(events['order.placed'], payload, { key: 'second' });
            return 'done';
          });
          assert.equal(receipt.outcome, 'committed');
          assert.equal(receipt.result, 'done');
          assert.equal(receipt.attempts, 1);
          const found = await stage.readEvents();
          assert.deepEqual(
            found.map(({ key }) => key),
            ['plain', 'first', 'second'],
          );
          assert.deepEqual(receipt.events, [{ id: found[1]?.id }, { id: found[2]?.id }]);
          await assertBehindCommit(receipt.token, receipt.xid);
        });

        const assertBehindCommit = async (token: string, xid: bigint | undefined): Promise<void> => {
          const [entry, ...others] = decodeVersionToken(token);
          assert.deepEqual(others, []);
          assert.ok(entry !== undefined);
          const [row] = await stage.database.query<Record<string, string>>(
            `select (select system_identifier::text from pg_control_system()) as system, pg_xact_status($1::text::xid8) as status`,
            [String(xid)],
          );
          assert.deepEqual(row, { system: entry.systemId, status: 'committed' });
          assert.equal(entry.timeline, 1);
          assert.equal(entry.xid, xid);
        };

        it('rolls back for an error of the callback, and gives that error', async () => {
          const failure = new Error('no stock');
          await assertUntouched(
            () =>
              transact(database.root, async (tx, unit) => {
                await order(tx);
                await unit.emit(events['order.placed'], payload, { key: null });
                throw failure;
              }),
            /no stock/,
          );
        });

        it('of a unit that wrote nothing has a token, too, behind all that it has read', async () => {
          const [known] = await stage.database.query<{ lsn: string }>(
            `select pg_current_wal_insert_lsn()::text as lsn`,
          );
          const receipt = await transact(database.root, (tx) => runIn(tx, 'select id from public.orders'));
          assert.equal(receipt.xid, undefined);
          assert.equal(receipt.text, undefined);
          assert.ok((decodeVersionToken(receipt.token)[0]?.lsn ?? 0n) >= parseLsn(known?.lsn ?? ''));
        });

        it('refuses a transaction whose failure was swallowed, and says that nothing was applied', async () => {
          const error = await assertUntouched(
            () =>
              transact(database.root, async (tx, unit) => {
                await order(tx);
                await unit.emit(events['order.placed'], payload, { key: null });
                await runIn(tx, 'select 1 / 0').catch(() => undefined);
              }),
            'HW-TRANSACT-003',
          );
          assert.equal(error.details['outcome'], 'not-applied');
        });

        it('takes a COMMIT that answered ROLLBACK for no commit', async () => {
          // A server that was met before is asked nothing further in front of COMMIT.
          await transact(database.root, (tx) => runIn(tx, 'select 1'));
          const error = await assertUntouched(
            () =>
              transact(database.root, async (tx) => {
                await order(tx);
                await queueBeforeCommit(database, tx, 'select 1 / 0');
              }),
            // Kysely compares the answer itself, and what it throws is an error of COMMIT.
            name === 'Kysely' ? 'HW-TRANSACT-009' : 'HW-TRANSACT-004',
          );
          assert.equal(error.details['outcome'], 'not-applied');
        });

        it('names a transaction that was ended inside the callback, and writes no event of it', async () => {
          for (const statement of ['commit', 'rollback', 'commit and chain', 'rollback; begin']) {
            await stage.readEvents();
            const error = await refused(
              transact(database.root, async (tx, unit) => {
                await order(tx);
                await unit.emit(events['order.placed'], payload, { key: statement });
                await runIn(tx, statement);
              }),
              'HW-TRANSACT-005',
            );
            assert.equal(error.details['outcome'], 'indeterminate');
            assert.deepEqual(await stage.readEvents(), [], statement);
          }
          await transact(database.root, (tx) => order(tx));
        });

        it('gives the error of a COMMIT that a deferred constraint refuses, and nothing is applied', async () => {
          const error = await assertUntouched(
            () => transact(database.root, (tx) => runIn(tx, `insert into public.lines values ('nowhere')`)),
            'HW-TRANSACT-009',
          );
          assert.equal(error.details['outcome'], 'not-applied');
          assert.equal(sqlStateOf(error.cause), '23503');
        });

        it('refuses events that do not fit before anything of them is written', async () => {
          await assertUntouched(
            () =>
              transact(database.root, async (tx, unit) => {
                await order(tx);
                await unit.emit(events['order.placed'], { orderId: 1 } as never, { key: null });
              }),
            'HW-EMIT-008',
          );
          // Not awaited in the callback, so that only the end of the unit can tell.
          await assertUntouched(
            () =>
              transact(database.root, async (tx, unit) => {
                await order(tx);
                unit.emit(events['order.placed'], { orderId: 1 } as never, { key: null }).catch(() => undefined);
              }),
            'HW-EMIT-008',
          );
        });

        it('refuses an event that comes when the unit has ended', async () => {
          let late: Promise<unknown> | undefined;
          await transact(database.root, async (tx, unit) => {
            await order(tx);
            late = Promise.resolve()
              .then(() => database.pool.query('select 1'))
              .then(() => unit.emit(events['order.placed'], payload, { key: 'late' }));
            late.catch(() => undefined);
          });
          await refused(late ?? Promise.resolve(), 'HW-TRANSACT-011');
        });

        it('writes rows of the outbox, too, many with one statement', async () => {
          const transact = createTransactor({ mode: 'outbox', installation: 'shop' });
          await stage.readEvents();
          const keys = Array.from({ length: 50 }, (_, index) => `key-${String(index).padStart(2, '0')}`);
          const { events: written } = await transact(database.root, async (tx, unit) => {
            await order(tx);
            for (const key of keys) await unit.emit(events['order.placed'], payload, { key });
          });
          const found = await stage.readEvents();
          assert.deepEqual(
            found.map(({ key }) => key),
            keys,
          );
          assert.deepEqual(
            found.map(({ id }) => ({ id })),
            written,
          );
          assert.equal(found[0]?.source, 'shop');
        });

        it('is refused inside another unit, on the same database and on a second one', async () => {
          await using second = openRoot(stage.database.url, 1);
          for (const inner of [database.root, second.root]) {
            const error = await assertUntouched(
              () =>
                transact(database.root, async (tx) => {
                  await order(tx);
                  await transact(inner, (other) => order(other));
                }),
              'HW-TRANSACT-008',
            );
            const isSame = inner === database.root;
            assert.equal(error.details['sameDatabase'], isSame);
            if (!isSame)
              for (const word of ['emit', 'saga', 'atomic commit']) assert.match(error.message, new RegExp(word));
          }
        });

        it('begins nothing once it was cancelled, and rolls back when it is before COMMIT', async () => {
          const reason = new Error('the client went away');
          await assertUntouched(
            () => transact(database.root, (tx) => order(tx), { signal: AbortSignal.abort(reason) }),
            /went away/,
          );
          const controller = new AbortController();
          await assertUntouched(
            () =>
              transact(
                database.root,
                async (tx) => {
                  await order(tx);
                  controller.abort(reason);
                },
                { signal: controller.signal },
              ),
            /went away/,
          );
        });
      });
    }

    before(async () => {
      await stage.database.query(
        `create table public.lines (order_id text references public.orders deferrable initially deferred)`,
      );
      const [row] = await stage.database.query<{ role: string }>(
        `select rolname as role from pg_roles where rolname like '%application' and starts_with(rolname, current_database())`,
      );
      await stage.database.query(`grant select, insert on public.lines to ${row?.role}`);
    });
  });
}

/**
 * Runs a statement behind the last one of the unit and in front of its COMMIT, as one that was not awaited may come to run: it
 * waits in the queue of the connection behind another one of its kind.
 */
async function queueBeforeCommit({ connections }: DatabaseRoot, tx: unknown, text: string): Promise<void> {
  await runIn(tx, 'select 1');
  const [client] = connections;
  assert.ok(client !== undefined);
  const query = client.query.bind(client) as (...args: readonly unknown[]) => unknown;
  client.query = ((...args: readonly unknown[]) => {
    const answer = query(...args);
    if (!inspect(args[0]).includes('pg_current_xact_id_if_assigned')) return answer;
    Object.assign(client, { query });
    (query(text) as Promise<unknown>).catch(() => undefined);
    return answer;
  }) as typeof client.query;
}

async function refused(work: Promise<unknown>, code: string | RegExp): Promise<HeadwaterError> {
  let found: HeadwaterError | undefined;
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof Error);
    if (typeof code !== 'string') {
      assert.match(error.message, code);
      found = error as HeadwaterError;
      return true;
    }
    assert.ok(error instanceof HeadwaterError, inspect(error));
    assert.equal(error.code, code, inspect(error));
    assert.ok(!inspect(error, { depth: 9 }).includes('secret-order'), inspect(error));
    found = error;
    return true;
  });
  assert.ok(found !== undefined);
  return found;
}
