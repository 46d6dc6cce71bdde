import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import { skipReason, startPrivatePostgres } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { systemClock } from '../../foundation/clock.ts';
import { applyMigrations } from '../../postgres/database-objects.ts';
import type { ReceivedMessage } from '../inbox/received-message.ts';
import { aMessage, type InboxStage, openInboxStage } from '../inbox/testing/inbox-stage.ts';
import { type Delivery, resolveConsumerOptions, sweepRegularly, takeDelivery } from './consumer.ts';
import { runConnected } from './run-connected.ts';
import { consumedInbox } from './testing/consumed-inbox.ts';

const skip = await skipReason('postgres18');

function deliver(message: ReceivedMessage): Delivery {
  return { read: () => message, raw: { ...message, id: `raw ${message.id}` } };
}

describe('a consumer', { skip }, () => {
  let stage: InboxStage;
  const { signal } = new AbortController();
  before(async () => {
    stage = await openInboxStage();
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const table of ['effects', 'headwater.inbox', 'headwater.inbox_held', 'headwater.inbox_key']) {
      await stage.database.query(`truncate ${table}`);
    }
  });

  test('parks what fails as often as it tries, and no sooner', async () => {
    let tries = 0;
    const inbox = consumedInbox(stage.pool, {}, () => {
      tries += 1;
      throw new Error('it fails behind its write');
    });
    await takeDelivery(resolveConsumerOptions({ inbox, signal, attemptsMax: 3 }), deliver(aMessage()));
    assert.equal(tries, 3);
    assert.deepEqual(
      (await inbox.held()).map(({ reason }) => reason),
      ['attempts: it fails behind its write'],
    );
    assert.deepEqual(await stage.effects(), []);
  });

  test('parks what cannot be read under its place at the broker', async () => {
    const inbox = consumedInbox(stage.pool);
    const raw = aMessage({ id: 'orders/0/17', sender: 'kafka', body: Buffer.from('?') });
    await takeDelivery(resolveConsumerOptions({ inbox, signal }), { read: () => aMessage({ id: '' }), raw });
    assert.deepEqual(
      (await inbox.held()).map(({ id, sender }) => [id, sender]),
      [['orders/0/17', 'kafka']],
    );
  });

  test('gives a message up between two attempts when it is stopped, and acknowledges nothing', async () => {
    const stop = new AbortController();
    const inbox = consumedInbox(stage.pool, {}, () => {
      stop.abort(new Error('stopped'));
      throw new Error('it fails');
    });
    const settings = resolveConsumerOptions({ inbox, signal: stop.signal });
    await assert.rejects(takeDelivery(settings, deliver(aMessage())), /stopped/);
    assert.deepEqual(await inbox.held(), []);
    assert.deepEqual(await stage.effects(), []);
  });

  test('looks after what waits in an ordered inbox', async () => {
    const stop = new AbortController();
    const inbox = consumedInbox(stage.pool, { order: { kind: 'contiguous', gapLimitMs: 1 } });
    await inbox.receive(aMessage({ key: 'k', version: 2 }));
    const sweeping = sweepRegularly(resolveConsumerOptions({ inbox, signal: stop.signal, sweepIntervalMs: 5 }));
    await waitUntil('the gap is parked', async () => (await inbox.held({ state: 'parked' })).length === 1);
    stop.abort();
    await sweeping;
  });

  test('connects again after each loss, and ends with an error that waiting does not mend', async () => {
    const inbox = consumedInbox(stage.pool);
    const settings = resolveConsumerOptions({
      inbox,
      signal,
      clock: { ...systemClock, sleep: async () => undefined },
      sweepIntervalMs: 1_000_000,
    });
    let connections = 0;
    const run = runConnected(settings, async () => {
      connections += 1;
      if (connections < 5) throw new Error('lost');
      await inbox.receive(aMessage({ id: '' }));
    });
    await assert.rejects(run, { code: 'HW-INBOX-004' });
    assert.equal(connections, 5);
  });

  test('refuses limits that are none', () => {
    const inbox = consumedInbox(stage.pool);
    for (const option of ['attemptsMax', 'inFlightMax', 'sweepIntervalMs']) {
      assert.throws(() => resolveConsumerOptions({ inbox, signal, [option]: 0 }), { code: 'HW-INBOX-002' });
    }
  });
});

test(
  'a consumer waits for a database that is away, without counting that as attempts',
  { skip: await skipReason('privatePostgres18') },
  async () => {
    await using server = await startPrivatePostgres({ major: 18 });
    const pool = new pg.Pool({ connectionString: server.url, connectionTimeoutMillis: 2_000 });
    pool.on('error', () => undefined);
    try {
      await applyMigrations(async (text) => (await pool.query(text)).rows);
      await pool.query('create table effects (text text not null)');
      const inbox = consumedInbox(pool);
      const failures: string[] = [];
      const logger = { debug() {}, info() {}, error() {}, warn: (event: string) => void failures.push(event) };
      const settings = resolveConsumerOptions({ inbox, logger, signal: new AbortController().signal, attemptsMax: 1 });
      await server.kill();
      const taken = takeDelivery(settings, deliver(aMessage()));
      await waitUntil('it has failed more than once', () => failures.length > 1);
      await server.restart();
      await taken;
      assert.deepEqual((await pool.query('select text from effects')).rows, [{ text: '1' }]);
      assert.deepEqual(await inbox.held(), []);
    } finally {
      await pool.end();
    }
  },
);
