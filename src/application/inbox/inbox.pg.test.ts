import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { z } from 'zod';
import { skipReason } from '../../../scripts/services/testing.ts';
import type { PgClientLike, TransactionLike } from '../../postgres/transaction-handle.ts';
import { recognizeTransactionHandle } from '../../postgres/recognize-transaction.ts';
import { createEmitter } from '../emit/emit.ts';
import { defineEvents } from '../emit/events.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';
import { inbox, type Inbox } from './inbox.ts';
import type { InboxMessage } from './inbox-message.ts';
import type { InboxOptions } from './inbox-options.ts';
import { aMessage, dayMs, type InboxStage, openInboxStage } from './testing/inbox-stage.ts';

const skip = await skipReason('postgres18');
const Order = z.object({ orderId: z.string() });
const billed = defineEvents({ 'order.billed': Order })['order.billed'];
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const ownTrace = '00-11111111111111111111111111111111-2222222222222222-01';
type OrderMessage = InboxMessage<{ orderId: string }>;

async function write(transaction: unknown, text: string): Promise<void> {
  await recognizeTransactionHandle(transaction)?.query('insert into effects (text) values ($1)', [text]);
}

describe('an inbox', { skip }, () => {
  let stage: InboxStage;
  before(async () => {
    stage = await openInboxStage();
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const table of [
      'effects',
      'headwater.inbox',
      'headwater.inbox_key',
      'headwater.inbox_held',
      'headwater.inbox_consumer',
    ]) {
      await stage.database.query(`truncate ${table}`);
    }
  });

  const billing = (
    act: (transaction: PgClientLike, message: OrderMessage) => unknown = (transaction, message) =>
      write(transaction, message.payload.orderId),
    options: Partial<InboxOptions<typeof Order, typeof stage.pool>> = {},
  ): Inbox<unknown> =>
    inbox('billing', { db: stage.pool, payload: Order, redeliveryMaxMs: dayMs, ...options }, (transaction, message) =>
      act(transaction, message),
    );

  // Several ways of one library begin the same transactions here.
  const libraries = Object.entries(drivenLibraries).filter(([, { connectionsOf }]) => connectionsOf === undefined);
  for (const [name, library] of libraries) {
    test(`takes a message once with ${name}, and answers every duplicate with the first reply`, async () => {
      await using driver = await library.open({ url: stage.url, connections: 8 });
      let calls = 0;
      const orders = inbox(
        'billing',
        { db: driver.root, payload: Order, redeliveryMaxMs: dayMs },
        async (tx, message) => {
          calls += 1;
          await write(tx, message.payload.orderId);
          return { invoice: `${calls}`, at: new Date(0) };
        },
      );
      const message = aMessage();
      assert.deepEqual(await orders.receive(message), {
        kind: 'done',
        reply: { at: '1970-01-01T00:00:00.000Z', invoice: '1' },
      });
      const again = await Promise.all(Array.from({ length: 100 }, () => orders.receive(message)));
      for (const result of again) {
        assert.deepEqual(result, { kind: 'duplicate', reply: { at: '1970-01-01T00:00:00.000Z', invoice: '1' } });
      }
      assert.deepEqual(await stage.effects(), ['1']);
      assert.deepEqual(orders.counts, { done: 1, duplicate: 100, mismatch: 0, stale: 0, early: 0, parked: 0 });
    });

    test(`lets events in a transaction of ${name} follow from the message, unless they say otherwise`, async () => {
      await using driver = await library.open({ url: stage.url, connections: 2 });
      const emit = createEmitter({ mode: 'outbox' });
      const orders = inbox(
        'billing',
        { db: driver.root, payload: Order, redeliveryMaxMs: dayMs },
        async (tx, { payload }) => {
          await emit(tx as TransactionLike, billed, payload, { key: null });
          await emit(tx as TransactionLike, billed, payload, {
            key: null,
            correlationId: 'own',
            causationId: 'own',
            traceparent: ownTrace,
          });
        },
      );
      await stage.database.query('truncate headwater.outbox');
      const visit = aMessage({ correlationId: 'visit 7', causationId: 'a click', traceparent });
      const lone = aMessage();
      await orders.receive(visit);
      await orders.receive(lone);
      const rows = await stage.database.query(
        'select correlation_id, causation_id, traceparent from headwater.outbox order by ctid',
      );
      const own = { correlation_id: 'own', causation_id: 'own', traceparent: ownTrace };
      assert.deepEqual(rows, [
        { correlation_id: 'visit 7', causation_id: visit.id, traceparent },
        own,
        { correlation_id: lone.id, causation_id: lone.id, traceparent: null },
        own,
      ]);
      await driver.run(async (tx) => void (await emit(tx, billed, { orderId: '1' }, { key: null })), 'commit');
      const [last] = await stage.database.query('select causation_id from headwater.outbox order by ctid desc limit 1');
      assert.deepEqual(last, { causation_id: null }, 'nothing is left of a message behind its transaction');
    });

    test(`is not taken in by a handler of ${name} that swallows an error of the database`, async () => {
      await using driver = await library.open({ url: stage.url, connections: 8 });
      const orders = inbox(
        'billing',
        { db: driver.root, payload: Order, redeliveryMaxMs: dayMs },
        async (tx, message) => {
          await write(tx, message.payload.orderId);
          await recognizeTransactionHandle(tx)
            ?.query('select * from nowhere', [])
            .catch(() => undefined);
        },
      );
      const message = aMessage();
      await assert.rejects(orders.receive(message), { code: 'HW-INBOX-009' });
      assert.deepEqual(await stage.effects(), []);
      assert.deepEqual(await stage.database.query('select from headwater.inbox'), []);
    });
  }

  test('lets a concurrent duplicate wait for the first, and gives it the first reply', async () => {
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    let calls = 0;
    const orders = billing(async (transaction, message) => {
      calls += 1;
      await write(transaction, message.payload.orderId);
      entered.resolve();
      await leave.promise;
      return { call: calls };
    });
    const message = aMessage();
    const first = orders.receive(message);
    await entered.promise;
    const second = orders.receive(message);
    await waitUntilBlocked(stage);
    leave.resolve();
    assert.deepEqual(await Promise.all([first, second]), [
      { kind: 'done', reply: { call: 1 } },
      { kind: 'duplicate', reply: { call: 1 } },
    ]);
    assert.deepEqual(await stage.effects(), ['1']);
  });

  test('redeems a single-use token once: racers and late comers get the result that was kept, and a wrong token uses nothing up', async () => {
    const redeem = inbox(
      'redeem-voucher',
      { db: stage.pool, payload: z.object({ account: z.string() }), redeliveryMaxMs: dayMs },
      async (client, { id, payload }) => {
        if (!id.startsWith('voucher')) throw new Error('no such voucher');
        await write(client, `${id} for ${payload.account}`);
        return { credit: 10 };
      },
    );
    const present = (token: string, account: string): ReturnType<typeof redeem.receive> =>
      redeem.receive({ id: token, sender: 'vouchers', body: { account } });
    const racers = await Promise.all(Array.from({ length: 20 }, () => present('voucher-1', 'ann')));
    assert.equal(racers.filter(({ kind }) => kind === 'done').length, 1);
    for (const result of racers) assert.deepEqual(result, { kind: result.kind, reply: { credit: 10 } });
    assert.deepEqual(await present('voucher-1', 'bob'), { kind: 'mismatch' });
    await assert.rejects(present('wrong', 'ann'), /no such voucher/);
    assert.deepEqual(await stage.effects(), ['voucher-1 for ann']);
    assert.deepEqual(redeem.counts, { done: 1, duplicate: 19, mismatch: 1, stale: 0, early: 0, parked: 0 });
  });

  test('executes the second when the first fails: the receipt goes with its transaction', async () => {
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    let calls = 0;
    const orders = billing(async (transaction, message) => {
      calls += 1;
      await write(transaction, `${message.payload.orderId}/${calls}`);
      if (calls > 1) return;
      entered.resolve();
      await leave.promise;
      throw new Error('the first fails');
    });
    const message = aMessage();
    const first = assert.rejects(orders.receive(message), /the first fails/);
    await entered.promise;
    const second = orders.receive(message);
    await waitUntilBlocked(stage);
    leave.resolve();
    await first;
    assert.deepEqual(await second, { kind: 'done', reply: undefined });
    assert.deepEqual(await stage.effects(), ['1/2']);
  });

  test('reports another content under one id, and never executes it', async () => {
    const orders = billing();
    const message = aMessage();
    await orders.receive(message);
    assert.deepEqual(await orders.receive({ ...message, body: { orderId: '2' } }), { kind: 'mismatch' });
    assert.deepEqual(await orders.receive({ ...message, type: 'other' }), { kind: 'mismatch' });
    assert.deepEqual(await stage.effects(), ['1']);
  });

  test('takes equal values for the same content, whatever the order of their members', async () => {
    const orders = billing();
    const message = aMessage({ body: { orderId: '1', a: [1, { c: 1, b: 2 }] } });
    await orders.receive(message);
    const { kind } = await orders.receive({ ...message, body: { a: [1, { b: 2, c: 1 }], orderId: '1' } });
    assert.equal(kind, 'duplicate');
  });

  test('keeps the ids of two senders and of two consumers apart', async () => {
    const message = aMessage();
    const billed = billing();
    const shipping = inbox('shipping', { db: stage.pool, payload: Order, redeliveryMaxMs: dayMs }, (tx) =>
      write(tx, 'shipped'),
    );
    assert.equal((await billed.receive(message)).kind, 'done');
    assert.equal((await billed.receive({ ...message, sender: 'other shop' })).kind, 'done');
    assert.equal((await shipping.receive(message)).kind, 'done');
    assert.equal((await shipping.receive(message)).kind, 'duplicate');
    assert.deepEqual(await stage.effects(), ['1', '1', 'shipped']);
  });

  test('refuses what it cannot read or what its schema refuses, and writes nothing', async () => {
    const orders = billing();
    const refused: readonly (readonly [Partial<ReturnType<typeof aMessage>>, string])[] = [
      [{ id: '' }, 'HW-INBOX-004'],
      [{ id: 'x'.repeat(256) }, 'HW-INBOX-004'],
      [{ id: 'a\0b' }, 'HW-INBOX-004'],
      [{ sender: '' }, 'HW-INBOX-004'],
      [{ key: '' }, 'HW-INBOX-004'],
      [{ version: '1.5' }, 'HW-INBOX-004'],
      [{ version: -1 }, 'HW-INBOX-004'],
      [{ version: 2n ** 63n }, 'HW-INBOX-004'],
      [{ body: 1n }, 'HW-INBOX-004'],
      [{ body: undefined }, 'HW-INBOX-004'],
      [{ body: { orderId: 1 } }, 'HW-INBOX-005'],
      [{ body: Buffer.from('{"orderId":"1"') }, 'HW-INBOX-005'],
      [{ body: Buffer.from([0xff]) }, 'HW-INBOX-005'],
    ];
    for (const [fields, code] of refused) {
      await assert.rejects(orders.receive(aMessage(fields)), (error: Error & { code: string }) => {
        assert.equal(error.code, code, JSON.stringify(Object.keys(fields)));
        assert.doesNotMatch(JSON.stringify(error), /"orderId":/);
        return true;
      });
    }
    const ordered = billing(undefined, { order: { kind: 'latest' } });
    await assert.rejects(ordered.receive(aMessage({ key: 'k' })), { code: 'HW-INBOX-006' });
    await assert.rejects(ordered.receive(aMessage({ version: 1 })), { code: 'HW-INBOX-006' });
    assert.deepEqual(await stage.database.query('select from headwater.inbox'), []);
  });

  test('parks a message that its handler rejects: receipt and reason in one commit, and nothing of its writes', async () => {
    let isMended = false;
    const orders = billing(async (transaction, message) => {
      await write(transaction, message.payload.orderId);
      if (!isMended) message.reject('no such customer');
    });
    const message = aMessage({ key: 'k', version: 3, headers: { a: 'b' }, sentAt: Date.now() });
    const parked = { kind: 'parked', reason: 'rejected: no such customer' };
    assert.deepEqual(await orders.receive(message), parked);
    assert.deepEqual(await orders.receive(message), parked);
    assert.deepEqual(await stage.effects(), []);
    const [xids] = await stage.database.query(
      'select (r.xmin = h.xmin) as same from headwater.inbox r join headwater.inbox_held h using (installation, consumer, message_id)',
    );
    assert.deepEqual(xids, { same: true });
    const [held] = await orders.held({ state: 'parked' });
    assert.deepEqual(
      { ...held, heldAt: undefined },
      {
        id: message.id,
        sender: 'shop',
        state: 'parked',
        reason: parked.reason,
        key: 'k',
        version: 3n,
        heldAt: undefined,
      },
    );
    assert.deepEqual(await orders.retry(message), parked, 'it is rejected again');
    isMended = true;
    assert.equal((await orders.retry(message)).kind, 'done');
    assert.equal((await orders.receive(message)).kind, 'duplicate');
    assert.deepEqual(await stage.effects(), ['1']);
    await assert.rejects(orders.retry(message), { code: 'HW-INBOX-011' });
  });

  test('gives a parked message up with the reason on record, and takes it never again', async () => {
    const orders = billing((_transaction, message) => message.reject('no'));
    const message = aMessage();
    await orders.receive(message);
    await orders.discard(message, 'told the customer');
    assert.equal((await orders.receive(message)).kind, 'duplicate');
    const [held] = await orders.held();
    assert.equal(held?.state, 'discarded');
    assert.equal(held.reason, 'told the customer');
    await assert.rejects(orders.retry(message), { code: 'HW-INBOX-011' });
    await assert.rejects(orders.discard(message, 'again'), { code: 'HW-INBOX-011' });
  });

  test('rolls back what fails for now, and leaves the message to come again', async () => {
    let failures = 2;
    const orders = billing(async (transaction, message) => {
      await write(transaction, message.payload.orderId);
      if (failures-- > 0) throw new Error('for now');
    });
    const message = aMessage();
    await assert.rejects(orders.receive(message), /for now/);
    await assert.rejects(orders.receive(message), /for now/);
    assert.deepEqual(await stage.database.query('select from headwater.inbox'), []);
    assert.equal((await orders.receive(message)).kind, 'done');
    assert.deepEqual(await stage.effects(), ['1']);
  });

  test('is not taken in by a handler that ends the transaction itself', async () => {
    const orders = inbox('billing', { db: stage.pool, payload: Order, redeliveryMaxMs: dayMs }, async (tx) => {
      await tx.query('rollback');
    });
    await assert.rejects(orders.receive(aMessage()), { code: 'HW-INBOX-009' });
  });

  test('refuses a reply that a duplicate could not get', async () => {
    const orders = billing(() => ({ total: 1n }));
    const result = await orders.receive(aMessage());
    assert.equal(result.kind, 'parked');
  });

  test('refuses to keep receipts for a shorter time than messages can come again', () => {
    assert.throws(() => billing(undefined, { retentionMs: dayMs }), { code: 'HW-INBOX-003' });
    assert.throws(() => billing(undefined, { redeliveryMaxMs: 0 }), { code: 'HW-INBOX-002' });
    assert.throws(() => billing(undefined, { order: { kind: 'contiguous', firstVersion: -1 } }), {
      code: 'HW-INBOX-002',
    });
    assert.throws(() => inbox('', { db: stage.pool, payload: Order, redeliveryMaxMs: 1 }, () => undefined), {
      code: 'HW-INBOX-002',
    });
    assert.throws(() => inbox('x', { db: {}, payload: Order, redeliveryMaxMs: 1 }, () => undefined), {
      code: 'HW-INBOX-001',
    });
  });

  test('says what is missing when the database has no inbox', async () => {
    const orders = billing(undefined, { schemaName: 'elsewhere' });
    await assert.rejects(orders.receive(aMessage()), { code: 'HW-INBOX-007' });
  });

  test('warns of a new name beside others, which may be a renamed consumer', async () => {
    const warnings: unknown[] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (event: string, fields: unknown) => void warnings.push([event, fields]),
    };
    await billing(undefined, { logger }).receive(aMessage());
    assert.deepEqual(warnings, []);
    const renamed = inbox(
      'invoicing',
      { db: stage.pool, payload: Order, redeliveryMaxMs: dayMs, logger },
      () => undefined,
    );
    await renamed.receive(aMessage());
    await renamed.receive(aMessage());
    assert.deepEqual(warnings, [['inbox.new_consumer', { consumer: 'invoicing', otherCount: 1 }]]);
  });
});

/** A backend waits for another one's transaction. */
async function waitUntilBlocked(stage: InboxStage): Promise<void> {
  for (;;) {
    const [row] = await stage.database.query<{ count: string }>(
      `select count(*)::text as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (row?.count !== '0') return;
  }
}
