import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { skipReason } from '../../../scripts/services/testing.ts';
import { toInstant } from '../../foundation/clock.ts';
import { systemClock } from '../../foundation/clock.ts';
import { inbox, type Inbox } from './inbox.ts';
import type { InboxOptions } from './inbox-options.ts';
import type { ReceivedMessage } from './received-message.ts';
import { aMessage, dayMs, type InboxStage, openInboxStage } from './testing/inbox-stage.ts';

const skip = await skipReason('postgres18');
const Payment = z.object({ version: z.number() });
const tables = [
  'effects',
  'headwater.inbox',
  'headwater.inbox_key',
  'headwater.inbox_held',
  'headwater.inbox_consumer',
];

describe('an ordered inbox', { skip }, () => {
  let stage: InboxStage;
  before(async () => {
    stage = await openInboxStage();
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const table of tables) await stage.database.query(`truncate ${table}`);
  });

  const open = (options: Partial<InboxOptions<typeof Payment, typeof stage.pool>> = {}): Inbox<unknown> =>
    inbox(
      'ledger',
      { db: stage.pool, payload: Payment, redeliveryMaxMs: dayMs, order: { kind: 'contiguous' }, ...options },
      async (transaction, message) => {
        await transaction.query('insert into effects (text) values ($1)', [
          `${message.key}/${message.payload.version}`,
        ]);
        return undefined;
      },
    );
  const paid = (version: number, key = 'a'): ReceivedMessage =>
    aMessage({ id: `${key}-${version}`, key, version, body: { version } });

  test('takes a message before its predecessor behind it, and loses neither', async () => {
    const ledger = open();
    assert.deepEqual(await ledger.receive(paid(2)), { kind: 'early', seenVersion: 0n });
    assert.deepEqual(await ledger.receive(paid(2)), { kind: 'early', seenVersion: 0n });
    assert.deepEqual(await ledger.receive(paid(3)), { kind: 'early', seenVersion: 0n });
    assert.deepEqual(await stage.effects(), []);
    assert.equal((await ledger.receive(paid(1))).kind, 'done');
    assert.deepEqual(await stage.effects(), ['a/1', 'a/2', 'a/3']);
    assert.equal((await ledger.receive(paid(3))).kind, 'duplicate');
    assert.deepEqual(await ledger.receive({ ...paid(3), id: 'another' }), { kind: 'stale', seenVersion: 3n });
    assert.deepEqual(await stage.database.query('select from headwater.inbox_held'), []);
  });

  test('keeps the order of each key under any order of arrival, repetition and concurrency', async () => {
    const arrivals = fc.shuffledSubarray(
      ['a', 'b'].flatMap((key) => [1, 2, 3, 4, 5].flatMap((version) => [paid(version, key), paid(version, key)])),
      { minLength: 20 },
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 6 }), async (messages, width) => {
        round += 1;
        const sender = `shop ${round}`;
        await stage.database.query('truncate effects');
        const ledger = open();
        const queue = [...messages];
        const work = async (): Promise<void> => {
          for (let next = queue.shift(); next !== undefined; next = queue.shift())
            await ledger.receive({ ...next, sender });
        };
        await Promise.all(Array.from({ length: width }, work));
        const effects = await stage.effects();
        for (const key of ['a', 'b']) {
          const versions = effects.filter((text) => text.startsWith(key));
          assert.deepEqual(
            versions,
            [1, 2, 3, 4, 5].map((version) => `${key}/${version}`),
          );
        }
      }),
      { numRuns: 25 },
    );
  });

  test('parks a message whose gap never fills, with the reason, and takes it when it fills after all', async () => {
    const ledger = open({ order: { kind: 'contiguous', gapLimitMs: 1 } });
    await ledger.receive(paid(2));
    await stage.database.query(`update headwater.inbox_held set held_at = held_at - interval '1 second'`);
    assert.deepEqual(await ledger.sweep(), { takenCount: 0, parkedCount: 1 });
    assert.deepEqual(await ledger.receive(paid(2)), { kind: 'parked', reason: 'gap' });
    const [held] = await ledger.held();
    assert.deepEqual([held?.state, held?.reason], ['parked', 'gap']);
    await ledger.receive(paid(1));
    assert.deepEqual(await stage.effects(), ['a/1', 'a/2']);
  });

  test('goes on behind a message that is given up', async () => {
    const ledger = open();
    await ledger.receive(paid(1));
    await ledger.park(paid(2), 'unreadable', 'broken');
    assert.equal((await ledger.receive(paid(3))).kind, 'early');
    assert.deepEqual(await stage.effects(), ['a/1']);
    await ledger.discard(paid(2), 'broken for good');
    assert.deepEqual(await stage.effects(), ['a/1', 'a/3']);
  });

  test('takes by the sweep what a process that died left waiting', async () => {
    const ledger = open();
    await ledger.receive(paid(2));
    await ledger.receive(paid(1));
    // As a process leaves it that dies between the commit of 1 and that of 2.
    await ledger.receive(paid(4));
    await stage.database.query('update headwater.inbox_key set version = 3');
    assert.deepEqual(await ledger.sweep(), { takenCount: 1, parkedCount: 0 });
    assert.deepEqual(await stage.effects(), ['a/1', 'a/2', 'a/4']);
  });

  test('takes the latest of each key, and calls what is older stale', async () => {
    const ledger = open({ order: { kind: 'latest' } });
    assert.equal((await ledger.receive(paid(0))).kind, 'done');
    assert.equal((await ledger.receive(paid(5))).kind, 'done');
    assert.deepEqual(await ledger.receive(paid(4)), { kind: 'stale', seenVersion: 5n });
    assert.equal((await ledger.receive(paid(5))).kind, 'duplicate');
    assert.equal((await ledger.receive(paid(1, 'b'))).kind, 'done');
    assert.deepEqual(await stage.effects(), ['a/0', 'a/5', 'b/1']);
  });

  test('removes receipts behind the retention in batches, and parks what comes again after that', async () => {
    let now = systemClock.now();
    const clock = { ...systemClock, now: () => now };
    const ledger = open({ order: { kind: 'independent' }, clock });
    const old = Array.from({ length: 25 }, (_, index) => ({ ...paid(index + 1), sentAt: now }));
    for (const message of old) await ledger.receive(message);
    await ledger.receive({ ...paid(100), sentAt: now });
    await stage.database.query(
      `update headwater.inbox set received_at = now() - interval '3 days' where message_id <> 'a-100'`,
    );
    assert.deepEqual(await ledger.cleanUp({ batchSize: 10 }), { removedCount: 25 });
    assert.deepEqual(await ledger.cleanUp(), { removedCount: 0 });
    now = toInstant(now + 1);
    const again = { ...paid(1), sentAt: now - 3 * dayMs };
    const parked = { kind: 'parked', reason: 'beyond-retention: older than what the clean-up has removed' };
    assert.deepEqual(await ledger.receive(again), parked);
    assert.deepEqual(await ledger.receive(again), parked);
    assert.equal((await ledger.receive({ ...paid(100), sentAt: now - 3 * dayMs })).kind, 'duplicate');
    const willing = open({ order: { kind: 'independent' }, clock, beyondRetention: 'execute' });
    assert.equal((await willing.receive({ ...paid(2), sentAt: now - 3 * dayMs })).kind, 'done');
    await assert.rejects(ledger.cleanUp({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  });

  test('parks what comes again behind a clean-up of a shorter retention than the present one', async () => {
    const sentAt = systemClock.now() - 5 * dayMs;
    const before = open({ order: { kind: 'independent' } });
    assert.equal((await before.receive({ ...paid(1), sentAt })).kind, 'done');
    await stage.database.query(`update headwater.inbox set received_at = now() - interval '5 days'`);
    assert.deepEqual(await before.cleanUp(), { removedCount: 1 });
    const now = open({ order: { kind: 'independent' }, redeliveryMaxMs: 10 * dayMs });
    assert.equal((await now.receive({ ...paid(1), sentAt })).kind, 'parked');
    assert.deepEqual(await stage.effects(), ['a/1']);
    // A process that still runs with the shorter one removes no more by it.
    await now.receive({ ...paid(2), sentAt });
    await stage.database.query(`update headwater.inbox set received_at = now() - interval '5 days'`);
    assert.deepEqual(await before.cleanUp(), { removedCount: 0 });
  });
});
