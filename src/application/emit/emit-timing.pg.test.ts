import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { drizzle } from 'drizzle-orm/node-postgres';
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import { Client, Pool, type PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';
import { createEmitter } from './emit.ts';
import { defineEvents } from './events.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import type { TransactionDriver } from '../testing/transaction-driver.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';

const events = defineEvents({
  noted: z.object({}),
  'noted.later': z.object({}).refine(async () => Promise.resolve(true)),
});
const emit = createEmitter();
const skip = await skipReason('postgres18');

describe('an event and the statements around it', { skip }, () => {
  let stage: EventDatabase;
  let pool: Pool;
  before(async () => {
    stage = await createEventDatabase(18);
    pool = new Pool({ connectionString: stage.applicationUrl, max: 1 });
  });
  after(async () => {
    await pool.end();
    await stage[Symbol.asyncDispose]();
  });
  beforeEach(async () => void (await stage.readEvents()));

  it('is refused behind a COMMIT that was sent and not awaited, although the client still shows the transaction', async () => {
    using lent = await lend();
    const { client } = lent;
    await client.query('begin');
    await client.query('insert into public.orders select gen_random_uuid()::text');
    assert.equal(client.getTransactionStatus(), 'T');
    const committed = client.query('commit');
    await assertRefused(emit(client, events.noted, {}, { key: null }), 'HW-EMIT-004');
    await committed;
    assert.deepEqual(await stage.readEvents(), []);
  });

  for (const pipeline of [false, true]) {
    it(`is refused behind a COMMIT that waits in the queue of a client with callbacks (pipeline: ${pipeline})`, async () => {
      const client = new Client({ connectionString: stage.applicationUrl, pipeline });
      await client.connect();
      try {
        await client.query('begin');
        await client.query('insert into public.orders select gen_random_uuid()::text');
        const emitted = Promise.withResolvers<string>();
        // Within the callback of a statement the client shows that nothing is under way, and that the transaction is open.
        client.query('select 1', () => emitted.resolve(outcomeOf(emit(client, events.noted, {}, { key: null }))));
        const committed = client.query('commit');
        assert.equal(await emitted.promise, 'HW-EMIT-004');
        await committed;
        assert.deepEqual(await stage.readEvents(), []);
      } finally {
        await client.end();
      }
    });
  }

  it('is refused behind a COMMIT of TypeORM that was not awaited, although its runner still shows the transaction', async () => {
    await using dataSource = await openDataSource(stage.applicationUrl);
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query('insert into public.orders select gen_random_uuid()::text');
    const committed = runner.query('commit');
    const emitted = outcomeOf(emit(runner, events.noted, {}, { key: null }));
    assert.ok(runner.isTransactionActive);
    await committed;
    assert.equal(await emitted, 'HW-EMIT-004');
    await runner.release();
    assert.deepEqual(await stage.readEvents(), []);
  });

  it('is written behind a BEGIN that was sent and not awaited, although the client shows none yet', async () => {
    using lent = await lend();
    const { client } = lent;
    assert.notEqual(client.getTransactionStatus(), 'T');
    const begun = client.query('begin');
    await emit(client, events.noted, {}, { key: 'early' });
    await begun;
    await client.query('commit');
    assert.deepEqual(await keys(), ['early']);
  });

  it('is part of the commit although nobody awaited it, unless its schema waits', async () => {
    using lent = await lend();
    const { client } = lent;
    await client.query('begin');
    const emitted = emit(client, events.noted, {}, { key: 'not awaited' });
    await client.query('commit');
    await emitted;
    await client.query('begin');
    const late = emit(client, events['noted.later'], {}, { key: 'late' });
    const refused = assertRefused(late, 'HW-EMIT-002');
    await client.query('commit');
    await refused;
    assert.deepEqual(await keys(), ['not awaited']);
  });

  it('waits for a schema that waits', async () => {
    using lent = await lend();
    const { client } = lent;
    await client.query('begin');
    await emit(client, events['noted.later'], {}, { key: 'checked' });
    await client.query('commit');
    assert.deepEqual(await keys(), ['checked']);
  });

  it('is refused when its Drizzle transaction has ended and another one runs on the same connection', async () => {
    const db = drizzle(pool);
    let ended: TransactionLike | undefined;
    await db.transaction(async (tx) => {
      ended = tx;
      await emit(tx, events.noted, {}, { key: 'in time' });
    });
    await db.transaction(async (tx) => {
      await tx.execute('insert into public.orders select gen_random_uuid()::text');
      await assertRefused(emit(ended as TransactionLike, events.noted, {}, { key: 'too late' }), 'HW-EMIT-002');
    });
    assert.deepEqual(await keys(), ['in time']);
  });

  it('says of a pooled client what became of the present caller, not of the one before', async () => {
    let before: PoolClient | undefined;
    {
      using lent = await lend();
      before = lent.client;
      await before.query('begin');
      await emit(before, events.noted, {}, { key: null });
      await before.query('commit');
      await assertRefused(emit(before, events.noted, {}, { key: null }), 'HW-EMIT-002');
    }
    using lent = await lend();
    assert.equal(lent.client, before);
    await assertRefused(emit(lent.client, events.noted, {}, { key: null }), 'HW-EMIT-004');
  });

  it('is written through a Kysely that renames the columns of results', async () => {
    await using db = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool: new Pool({ connectionString: stage.applicationUrl }) }),
      plugins: [new CamelCasePlugin()],
    });
    await db.transaction().execute(async (tx) => {
      await emit(tx, events.noted, {}, { key: 'camel' });
      await tx.executeQuery(CompiledQuery.raw('select 1'));
    });
    assert.deepEqual(await keys(), ['camel']);
  });

  it('stands in the order of the commits, not of the writes', async () => {
    const [first, second] = [
      await stage.database.connect(stage.applicationUrl),
      await stage.database.connect(stage.applicationUrl),
    ];
    await first.query('begin');
    await emit(first, events.noted, {}, { key: 'begun first' });
    await second.query('begin');
    await emit(second, events.noted, {}, { key: 'committed first' });
    await second.query('commit');
    await first.query('commit');
    assert.deepEqual(await keys(), ['committed first', 'begun first']);
  });

  /** Given back at the end of the test, whatever becomes of it. */
  async function lend(): Promise<Disposable & { readonly client: PoolClient }> {
    const client = await pool.connect();
    return { client, [Symbol.dispose]: () => client.release(client.getTransactionStatus() !== 'I') };
  }

  async function keys(): Promise<(string | null)[]> {
    return (await stage.readEvents()).map((event) => event.key);
  }
});

for (const [name, library] of Object.entries(drivenLibraries)) {
  describe(`events and transactions of ${name} that follow each other on one connection`, { skip }, () => {
    let stage: EventDatabase;
    let driver: TransactionDriver;
    before(async () => {
      stage = await createEventDatabase(18);
      driver = await library.open({ url: stage.applicationUrl, connections: 1 });
    });
    after(async () => {
      await driver[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    });
    const isPostgresJs = name.endsWith('postgres.js');
    const keys = async (): Promise<(string | null)[]> => (await stage.readEvents()).map((event) => event.key);

    for (const hasRow of [true, false]) {
      const place = hasRow ? 'behind a row' : 'as the first';
      it(`an event that nobody awaited, ${place}, is part of the commit or refused`, async () => {
        let emitted: Promise<string> | undefined;
        await driver.run(async (tx, query) => {
          if (hasRow) await query('insert into public.orders select gen_random_uuid()::text');
          emitted = outcomeOf(emit(tx, events.noted, {}, { key: 'not awaited' }));
        }, 'commit');
        const outcome = String(await Promise.race([emitted, useConnection()]));
        // Below postgres.js, a statement that comes as its transaction ends can be one that is never sent.
        const outcomes = ['written', 'HW-EMIT-002', 'HW-EMIT-004', ...(isPostgresJs ? ['unanswered'] : [])];
        assert.ok(outcomes.includes(outcome), outcome);
        assert.deepEqual(await keys(), outcome === 'written' ? ['not awaited'] : []);
      });

      it(`an event that nobody awaited, ${place}, goes with the rollback`, async () => {
        let emitted: Promise<string> | undefined;
        await driver.run(async (tx, query) => {
          if (hasRow) await query('insert into public.orders select gen_random_uuid()::text');
          emitted = outcomeOf(emit(tx, events.noted, {}, { key: 'not awaited' }));
        }, 'rollback');
        await Promise.race([emitted, useConnection()]);
        assert.deepEqual(await keys(), []);
      });
    }

    /** Resolves when the connection, of which there is one, has served another transaction. */
    async function useConnection(): Promise<string> {
      await driver.run(async (_, query) => void (await query('select 1')), 'commit');
      return 'unanswered';
    }

    it('the object of an ended transaction is refused while another one runs on its connection', async () => {
      const ended = await driver.run(
        async (tx) => void (await emit(tx, events.noted, {}, { key: 'in time' })),
        'commit',
      );
      let late = 'never tried';
      await driver.run(async (_, query) => {
        await query('insert into public.orders select gen_random_uuid()::text');
        late = await outcomeOf(emit(ended, events.noted, {}, { key: 'too late' }));
      }, 'commit');
      // Some objects stand for whatever transaction runs around the call: no mistake then.
      const standsForTheSecond = library.knows.end === 'as-a-root' || name === 'pg';
      if (standsForTheSecond) assert.equal(late, 'written');
      else assert.match(late, /^HW-EMIT-00[24]$/);
      assert.deepEqual(await keys(), standsForTheSecond ? ['in time', 'too late'] : ['in time']);
    });

    it('synchronous_commit = off changes nothing of what belongs together', async () => {
      for (const ending of ['commit', 'rollback'] as const) {
        await driver.run(async (tx, query) => {
          await query('set local synchronous_commit = off');
          await query(`insert into public.orders values ('lazy ${ending}')`);
          await emit(tx, events.noted, {}, { key: `lazy ${ending}` });
        }, ending);
      }
      // A commit that does wait: those before it are in the WAL then.
      await stage.database.query(`insert into public.orders values ('flushed')`);
      assert.deepEqual(await keys(), ['lazy commit']);
      const rows = await stage.database.query(`select id from public.orders where id like 'lazy %'`);
      assert.deepEqual(rows, [{ id: 'lazy commit' }]);
    });
  });
}

async function openDataSource(url: string): Promise<DataSource & AsyncDisposable> {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  return Object.assign(dataSource, { [Symbol.asyncDispose]: () => dataSource.destroy() });
}

function outcomeOf(emitted: Promise<unknown>): Promise<string> {
  return emitted.then(
    () => 'written',
    (error: unknown) => (error instanceof HeadwaterError ? error.code : `not ours: ${String(error)}`),
  );
}

async function assertRefused(emitted: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(emitted, (error) => {
    assert.ok(error instanceof HeadwaterError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}
