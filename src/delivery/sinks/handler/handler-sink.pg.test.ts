import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, skipReason, type TestDatabase } from '../../../../scripts/services/testing.ts';
import { drivenLibraries } from '../../../application/testing/transaction-drivers.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { TransactionLike } from '../../../postgres/transaction-handle.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { testEvent } from '../../../testing/memory-journal.ts';
import { handlerSink } from './handler-sink.ts';

const skip = await skipReason('postgres18');

describe('context.once', { skip }, () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase({ major: 18 });
    await database.query('create table effects (id text)');
    await database.grantRole('sink', { targetTables: ['effects'] });
  });
  after(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    await database.query('truncate effects');
    await database.query('truncate headwater.inbox');
  });
  const effects = async (): Promise<string[]> =>
    (await database.query<{ id: string }>('select id from effects order by id')).map(({ id }) => id);

  for (const [name, library] of Object.entries(drivenLibraries)) {
    test(`gives an effect in a transaction of ${name} once, although the handler dies after its commit`, async () => {
      await using driver = await library.open({ url: database.urlOf('sink'), connections: 8 });
      await using stage = new LaneStage();
      const answers: boolean[] = [];
      let deaths = 2;
      const sink = handlerSink({
        name: 'mailer',
        async handleEvent(event, context) {
          await driver.run(async (tx, query) => {
            const isFirst = await context.once(tx);
            answers.push(isFirst);
            if (isFirst) await query(`insert into effects values ('${event.id}')`);
          }, 'commit');
          if (deaths-- > 0) throw new Error('died between effect and acknowledgement');
        },
      });
      const lane = stage.lane({ sink });
      await lane.start();
      stage.journal.append([testEvent('k', 'a'), testEvent('k', 'b')]);
      await lane.drain();
      assert.deepEqual(await effects(), ['a', 'b']);
      assert.equal(answers.length, 4);
      assert.equal(answers.filter(Boolean).length, 2);
    });

    test(`takes the receipt of ${name} back with a rollback`, async () => {
      await using driver = await library.open({ url: database.urlOf('sink'), connections: 8 });
      await using stage = new LaneStage();
      let rollbacks = 1;
      const sink = handlerSink({
        name: 'mailer',
        async handleEvent(event, context) {
          const isLast = rollbacks-- <= 0;
          await driver.run(
            async (tx, query) => {
              assert.equal(await context.once(tx), true);
              await query(`insert into effects values ('${event.id}')`);
            },
            isLast ? 'commit' : 'rollback',
          );
          if (!isLast) throw new Error('rolled back');
        },
      });
      const lane = stage.lane({ sink });
      await lane.start();
      stage.journal.append([testEvent('k', 'a')]);
      await lane.drain();
      assert.deepEqual(await effects(), ['a']);
    });

    test(`refuses everything of ${name} that is no open transaction, and notes nothing`, async () => {
      await using driver = await library.open({ url: database.urlOf('sink'), connections: 8 });
      const attempts: ((once: (tx: TransactionLike) => Promise<boolean>) => Promise<void>)[] = [
        async (once) => void (await once(driver.root as TransactionLike)),
        async (once) => void (await once(await driver.run(async () => undefined, 'commit'))),
        async (once) => void (await once(await driver.run(async () => undefined, 'rollback'))),
      ];
      if (driver.autocommit !== undefined) {
        attempts.push(async (once) =>
          driver.autocommit?.(async (connection) => void (await once(connection as TransactionLike))),
        );
      }
      for (const attempt of attempts) {
        await using stage = new LaneStage();
        const sink = handlerSink({ name: 'mailer', handle: (_record, context) => attempt((tx) => context.once(tx)) });
        const lane = stage.lane({ sink });
        await lane.start();
        stage.journal.append([testEvent('k', 'a')]);
        await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
        assert.equal(lane.status().lastFailure?.error.code, 'HW-SINK-054');
      }
      assert.deepEqual(await database.query('select * from headwater.inbox'), []);
    });
  }

  test('lets one of two handlers that run at once have the effect', async () => {
    const sink = handlerSink({ name: 'mailer', handle: () => undefined });
    assert.equal(sink.target, 'mailer');
    await using first = await database
      .connect()
      .then((client) => Object.assign(client, { [Symbol.asyncDispose]: () => client.end() }));
    await using second = await database
      .connect()
      .then((client) => Object.assign(client, { [Symbol.asyncDispose]: () => client.end() }));
    const { noteMessage } = await import('./inbox.ts');
    const inbox = { schemaName: 'headwater', installation: 'test', consumer: 'mailer' };
    await first.query('begin');
    await second.query('begin');
    assert.equal(await noteMessage(first, inbox, 'x'), true);
    const waiting = noteMessage(second, inbox, 'x');
    await first.query('commit');
    assert.equal(await waiting, false);
    await second.query('commit');
  });

  test('names the missing inbox table with the SQL that makes it', async () => {
    await using empty = await createTestDatabase({ major: 18 });
    const client = await empty.connect();
    await using stage = new LaneStage();
    const sink = handlerSink({
      name: 'mailer',
      async handle(_record, context) {
        await client.query('begin');
        try {
          await context.once(client);
        } finally {
          await client.query('rollback');
        }
      },
    });
    const lane = stage.lane({ sink });
    await lane.start();
    stage.journal.append([testEvent('k', 'a')]);
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    const error = lane.status().lastFailure?.error;
    assert.equal(error?.code, 'HW-SINK-053');
    assert.match(error?.hint ?? '', /create table "headwater"."inbox"/);
  });
});

describe('a handler', () => {
  test('is called in order per key, by several keys at once, and never twice at once for a record', async () => {
    await using stage = new LaneStage();
    const running = new Set<string | null>();
    const seen: string[] = [];
    let most = 0;
    const sink = handlerSink({
      name: 'counter',
      async handleEvent(event) {
        assert.ok(!running.has(event.key), 'a key is in one call at a time');
        running.add(event.key);
        most = Math.max(most, running.size);
        await stage.clock.sleep(1);
        running.delete(event.key);
        seen.push(event.id);
      },
    });
    const lane = stage.lane({ sink, concurrencyMax: 4 });
    await lane.start();
    for (let count = 0; count < 60; count += 1)
      stage.journal.append([testEvent(`k${count % 6}`, `${count % 6}-${Math.floor(count / 6)}`)]);
    await lane.drain();
    for (let key = 0; key < 6; key += 1) {
      const ofKey = seen.filter((id) => id.startsWith(`${key}-`));
      assert.deepEqual(
        ofKey,
        Array.from({ length: 10 }, (_, index) => `${key}-${index}`),
      );
    }
    assert.equal(most, 4);
  });

  test('that takes too long is reported, waited for, and not called again when it ends well after all', async () => {
    await using stage = new LaneStage();
    const held = Promise.withResolvers<void>();
    let calls = 0;
    let wasAborted = false;
    const sink = handlerSink({
      name: 'slow',
      timeoutMs: 10,
      async handle(_record, { signal }) {
        calls += 1;
        signal.addEventListener('abort', () => {
          wasAborted = true;
        });
        await held.promise;
      },
    });
    const lane = stage.lane({ sink });
    await lane.start();
    stage.journal.append([testEvent('k', 'a')]);
    while (lane.status().retryCount < 2) await stage.clock.sleep(1);
    assert.equal(lane.status().lastFailure?.error.code, 'HW-SINK-051');
    assert.equal(wasAborted, true);
    held.resolve();
    await lane.drain();
    assert.equal(calls, 1);
  });

  test('may take its context apart and copy it', async () => {
    await using stage = new LaneStage();
    const seen: unknown[] = [];
    const sink = handlerSink({
      name: 'copier',
      handle(_record, context) {
        const copy = { ...context };
        const { signal } = context;
        seen.push(copy.id, copy.signal === signal, signal.aborted, copy.once === context.once);
        // oxlint-disable-next-line typescript/unbound-method -- that it needs no `this` is what is tested.
        const { stopLane } = copy;
        stopLane('enough');
      },
    });
    const lane = stage.lane({ sink });
    await lane.start();
    stage.journal.append([testEvent('k', 'a')]);
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    assert.deepEqual(seen, ['a', true, false, true]);
    assert.equal(lane.status().lastFailure?.error.code, 'HW-SINK-052');
  });

  test('stops its lane in front of the record when it says so, and gets the record again when resumed', async () => {
    await using stage = new LaneStage();
    const seen: string[] = [];
    let isBroken = true;
    const sink = handlerSink({
      name: 'strict',
      handleEvent(event, context) {
        if (event.id === 'b' && isBroken) context.stopLane('the account is closed');
        seen.push(event.id);
      },
    });
    const lane = stage.lane({ sink });
    await lane.start();
    stage.journal.append([testEvent('k', 'a'), testEvent('k', 'b'), testEvent('k', 'c')]);
    await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
    while (lane.status().checkpoint?.recordCount !== 1) await stage.clock.sleep(1);
    assert.equal(lane.status().lastFailure?.error.code, 'HW-SINK-052');
    assert.equal(lane.status().lastFailure?.recordId, 'b');
    isBroken = false;
    await lane.stop();
    const again = stage.lane({ sink });
    await again.start();
    await again.drain();
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  test('keeps the decision of an error with a code, and tries again after any other', async () => {
    await using stage = new LaneStage();
    const errors = [new Error('some trouble'), new HeadwaterError('HW-SINK-009', 'busy')];
    const sink = handlerSink({
      name: 'trouble',
      handle() {
        const error = errors.shift();
        if (error !== undefined) throw error;
      },
    });
    const lane = stage.lane({ sink });
    await lane.start();
    stage.journal.append([testEvent('k', 'a')]);
    await lane.drain();
    assert.equal(lane.status().retryCount, 2);
  });

  test('of events leaves changes out and counts them', async () => {
    await using stage = new LaneStage();
    const seen: string[] = [];
    const lane = stage.lane({
      sink: handlerSink({ name: 'events', handleEvent: (event) => void seen.push(event.id) }),
    });
    await lane.start();
    stage.journal.append([
      { kind: 'truncate', tables: [], cascade: false, restartIdentity: false },
      testEvent('k', 'a'),
    ]);
    await lane.drain();
    assert.deepEqual(seen, ['a']);
    assert.equal(lane.status().filteredCount, 1);
  });
});
