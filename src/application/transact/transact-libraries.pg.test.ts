import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { Sequelize } from 'sequelize';
import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { decodeVersionToken } from '../../model/version-token.ts';
import { defineEvents } from '../emit/events.ts';
import { databaseRoots, runIn } from '../testing/database-roots.ts';
import { hookedRoots } from '../testing/hooked-roots.ts';
import { standbyReadyFor } from '../fresh/standby-ready.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import type { TransactionDriver } from '../testing/transaction-driver.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';
import { createTransactor, transact } from './transact.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import { HeadwaterError } from '../../foundation/error.ts';

const events = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) });
const skip = await skipReason('postgres18');
const openRoot = databaseRoots['pg'] ?? assert.fail();

describe('transact with each library', { skip }, () => {
  let stage: EventDatabase;
  before(async () => {
    stage = await createEventDatabase(18);
  });
  after(() => stage[Symbol.asyncDispose]());

  for (const [name, library] of Object.entries(drivenLibraries)) {
    describe(name, () => {
      let driver: TransactionDriver;
      let root: object;
      before(async () => {
        driver = await library.open({ url: stage.applicationUrl });
        assert.ok(typeof driver.root === 'object' || typeof driver.root === 'function');
        root = driver.root as object;
      });
      after(() => driver[Symbol.asyncDispose]());

      for (const mode of ['message', 'outbox'] as const) {
        it(`writes gathered events with all their fields (${mode})`, async () => {
          const transact = createTransactor({ mode });
          await stage.readEvents();
          const options = { key: "k'1", keyVersion: '7', tenant: 't', correlationId: 'c', causationId: 'd' };
          const headers = [{ note: String.raw`a "quoted" ? $1 \ text` }, {}];
          const receipt = await transact(root, async (tx, unit) => {
            await runIn(tx, 'insert into public.orders values ($1)', [`${name} ${mode}`]);
            for (const given of headers) {
              await unit.emit(events['order.placed'], { orderId: 'x' }, { ...options, headers: given });
            }
          });
          const found = await stage.readEvents();
          assert.deepEqual(
            found.map(({ id }) => ({ id })),
            receipt.events,
          );
          assert.deepEqual(
            found.map((event) => event.headers),
            headers,
          );
          for (const { key, keyVersion, tenant, correlationId, causationId } of found) {
            assert.deepEqual({ key, keyVersion, tenant, correlationId, causationId }, options);
          }
        });
      }

      it('gives an error of the callback as it is, also that of a right which the role lacks', async () => {
        const work = transact(root, (tx) => runIn(tx, 'select rolname from pg_catalog.pg_authid'));
        await assert.rejects(work, (error) => !(error instanceof HeadwaterError) && sqlStateOf(error) === '42501');
      });
    });
  }

  const hookErrors = [
    Object.assign(new Error('the hook met others'), { code: '40001' }),
    Object.assign(new Error('the hook wrote what is there'), { code: '23505' }),
    new HeadwaterError('HW-EMIT-004', 'the hook emitted too late'),
  ];
  for (const [name, openHooked] of Object.entries(hookedRoots)) {
    it(`has committed once, and says so, when a hook behind the COMMIT fails (${name})`, async () => {
      await using hooked = await openHooked(stage.applicationUrl);
      for (const error of hookErrors) {
        const id = `${name} ${error.message}`;
        hooked.behindCommit = () => {
          throw error;
        };
        const receipt = await transact(hooked.root, async (tx) => {
          hooked.arm(tx);
          await runIn(tx, 'insert into public.orders values ($1) on conflict do nothing', [id]);
        });
        assert.deepEqual([receipt.outcome, receipt.attempts], ['committed', 1]);
        const [row] = await stage.database.query<{ xid: string }>(
          'select xmin::text as xid from public.orders where id = $1',
          [id],
        );
        assert.equal(row?.xid, String(receipt.xid));
      }
    });
  }

  it('counts what MikroORM writes at the end as part of the unit, and its token lies behind that', async () => {
    const order = new EntitySchema({
      name: 'Order',
      tableName: 'orders',
      properties: { id: { type: 'string', primary: true } },
    });
    const orm = await MikroORM.init({ clientUrl: stage.applicationUrl, entities: [order], logger: () => undefined });
    try {
      const receipt = await transact(orm.em.fork(), async (em) => {
        em.persist(em.create(order, { id: 'persisted' }));
      });
      const [row] = await stage.database.query<{ xid: string }>(
        `select xmin::text as xid from public.orders where id = 'persisted'`,
      );
      assert.equal(String(receipt.xid), row?.xid);
      assert.notEqual(receipt.text, undefined);
      assert.equal(decodeVersionToken(receipt.token)[0]?.xid, receipt.xid);
    } finally {
      await orm.close();
    }
  });

  it('begins a unit in code that was begun inside another one and outlives it', async () => {
    await using database = openRoot(stage.applicationUrl);
    const ended = Promise.withResolvers<void>();
    const { result: later } = await transact(database.root, async () => {
      // Not awaited, as a worker or a timer that is started at first use.
      const begun = ended.promise.then(() => transact(database.root, (tx) => runIn(tx, 'select 1')));
      return { begun };
    });
    ended.resolve();
    assert.equal((await later.begun).outcome, 'committed');
  });

  it('asks the primary for an outcome where Sequelize reads from others', async () => {
    const { hostname, password, pathname, port, username } = new URL(stage.applicationUrl);
    const write = { host: hostname, port, username, password };
    const sequelize = new Sequelize(pathname.slice(1), '', '', {
      dialect: 'postgres',
      logging: false,
      // Nobody listens there: a standby would answer that it cannot know.
      replication: { write, read: [{ ...write, port: '1' }] },
    });
    try {
      const { outcome, token } = await transact(
        sequelize,
        (tx) => runIn(tx, 'insert into public.orders values ($1)', ['replicated']),
        { settleTimeoutMs: 1000 },
      );
      assert.equal(outcome, 'committed');
      // Of the servers that it reads from it would be asked one, and a read may then go to any.
      await assert.rejects(standbyReadyFor(sequelize, token), { code: 'HW-TRANSACT-002' });
    } finally {
      await sequelize.close();
    }
  });

  it('refuses a gathered event with fields that no event can have where it is given', async () => {
    await using database = openRoot(stage.applicationUrl);
    for (const mode of ['message', 'outbox'] as const) {
      const seen: unknown[] = [];
      const unit = createTransactor({ mode })(database.root, async (_, { emit }) => {
        await emit(events['order.placed'], { orderId: 'x' }, { key: '' }).catch((error: unknown) => seen.push(error));
      });
      await assert.rejects(unit, { code: 'HW-EMIT-011' });
      assert.equal(seen.length, 1);
    }
  });

  it('names what a gathered event cannot be written for as emit does', async () => {
    await using database = openRoot(stage.applicationUrl);
    const transact = createTransactor({ mode: 'outbox', schemaName: 'elsewhere' });
    const emitOne = (): Promise<unknown> =>
      transact(database.root, (_, unit) => unit.emit(events['order.placed'], { orderId: 'x' }, { key: null }));
    await assert.rejects(emitOne(), { code: 'HW-EMIT-012' });
    await stage.database.query('create schema elsewhere');
    await stage.database.query('create table elsewhere.outbox (like headwater.outbox)');
    await assert.rejects(emitOne(), { code: 'HW-EMIT-013' });
    const readOnly = (): Promise<unknown> =>
      createTransactor({ mode: 'outbox' })(database.root, async (tx, unit) => {
        await runIn(tx, 'set transaction read only');
        await unit.emit(events['order.placed'], { orderId: 'x' }, { key: null });
      });
    await assert.rejects(readOnly(), { code: 'HW-EMIT-015' });
  });
});
