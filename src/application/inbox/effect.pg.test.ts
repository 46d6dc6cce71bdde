import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Pool } from 'pg';
import { z } from 'zod';
import { skipReason } from '../../../scripts/services/testing.ts';
import { effect, type Effect, type EffectCall, type RunEffect } from '../effect/effect.ts';
import { inbox, type Inbox } from './inbox.ts';
import { aMessage, dayMs, type InboxStage, openInboxStage } from './testing/inbox-stage.ts';

const skip = await skipReason('postgres18');
const Order = z.object({ orderId: z.string() });

/** A provider of payments, as far away as a provider is: what it has done does not go with anybody's transaction. */
class Provider {
  /** Charges by their keys; what came without a key is a charge of its own. */
  readonly charges: string[] = [];
  calls = 0;
  /** Whether the answer is lost behind the effect. */
  losesAnswer = false;

  charge(key: string | undefined): string {
    this.calls += 1;
    if (key === undefined) this.charges.push(`charge ${this.calls}`);
    else if (!this.charges.includes(key)) this.charges.push(key);
    if (this.losesAnswer) throw new Error('the answer was lost');
    return `receipt of ${this.charges.length}`;
  }
}

describe('an effect outside the database', { skip }, () => {
  let stage: InboxStage;
  let provider: Provider;
  before(async () => {
    stage = await openInboxStage();
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(async () => {
    provider = new Provider();
    for (const table of ['effects', 'headwater.inbox', 'headwater.inbox_held', 'headwater.inbox_effect']) {
      await stage.database.query(`truncate ${table}`);
    }
  });

  /** The transaction fails so many times behind the effect. */
  const billing = (prepare: (run: RunEffect) => Promise<unknown>, failures = 0): Inbox<unknown> => {
    let left = failures;
    return inbox(
      'billing',
      { db: stage.pool, payload: Order, redeliveryMaxMs: dayMs, prepare: (_message, run) => prepare(run) },
      async (client, _message, prepared) => {
        if (left-- > 0) throw new Error('the transaction fails');
        await client.query('insert into effects (text) values ($1)', [JSON.stringify(prepared)]);
        return prepared;
      },
    );
  };
  const keyed = effect('charge', {
    kind: 'keyed',
    call: async (_input: string, { key }: EffectCall) => provider.charge(key),
  });
  const guarded = effect('charge', { kind: 'guarded', timeoutMs: 100, call: async () => provider.charge(undefined) });
  const checked: Effect<string, string> = {
    name: 'charge',
    kind: 'checked',
    timeoutMs: 100,
    call: async (_input, { key }) => provider.charge(key),
    check: async ({ key }) => (provider.charges.includes(key) ? 'receipt that was found' : undefined),
  };
  /** As a process leaves it that dies in the call. */
  const dieInCall = async (): Promise<void> => {
    await stage.database.query(
      `update headwater.inbox_effect set state = 'begun', result = null, begun_at = begun_at - interval '1 hour'`,
    );
  };

  test('with a key is charged once over ten attempts, however often its answer or the transaction is lost', async () => {
    const orders = billing((run) => run(keyed, 'x'), 5);
    const message = aMessage();
    provider.losesAnswer = true;
    for (let attempt = 0; attempt < 5; attempt += 1) await assert.rejects(orders.receive(message), /answer was lost/);
    provider.losesAnswer = false;
    for (let attempt = 0; attempt < 5; attempt += 1) await assert.rejects(orders.receive(message), /transaction fails/);
    assert.equal((await orders.receive(message)).kind, 'done');
    assert.equal((await orders.receive(message)).kind, 'duplicate');
    assert.equal(provider.charges.length, 1);
    assert.equal(provider.calls, 6, 'an effect that is known to be done is not called again');
    assert.match(provider.charges[0] ?? '', /^[0-9a-f]{64}$/);
  });

  test('has a key of its own for each message, sender, consumer and name', async () => {
    const message = aMessage();
    const orders = billing((run) => run(keyed, 'x'));
    await orders.receive(message);
    await orders.receive({ ...message, sender: 'another' });
    await orders.receive(aMessage());
    await billing((run) => run({ ...keyed, name: 'second charge' }, 'x')).receive(aMessage());
    assert.equal(new Set(provider.charges).size, 4);
    assert.ok(!provider.charges.includes(message.id));
  });

  test('without a key is called at most once, and is unknown where its answer is not there', async () => {
    const orders = billing((run) => run(guarded, undefined), 1);
    const message = aMessage();
    provider.losesAnswer = true;
    await assert.rejects(orders.receive(message), /transaction fails/);
    provider.losesAnswer = false;
    assert.deepEqual(await orders.receive(message), { kind: 'done', reply: { kind: 'unknown' } });
    assert.equal(provider.calls, 1);
    const [row] = await stage.database.query('select state from headwater.inbox_effect');
    assert.deepEqual(row, { state: 'unknown' });
  });

  test('without a key is not called again behind a process that died in the call', async () => {
    const orders = billing((run) => run(guarded, undefined), 1);
    const message = aMessage();
    await assert.rejects(orders.receive(message), /transaction fails/);
    await dieInCall();
    assert.deepEqual(await orders.receive(message), { kind: 'done', reply: { kind: 'unknown' } });
    assert.equal(provider.calls, 1);
  });

  test('is taken over through connections of which each has a time zone of its own', { timeout: 20_000 }, async () => {
    const message = aMessage();
    await billing((run) => run(guarded, 'x')).receive(message);
    await dieInCall();
    await stage.database.query('truncate headwater.inbox');
    const [east, west] = ['Asia/Tokyo', 'America/Lima'].map(
      (zone) => new Pool({ connectionString: stage.url, max: 2, options: `-c TimeZone=${zone}` }),
    );
    assert.ok(east !== undefined && west !== undefined);
    let turn = 0;
    const query = east.query.bind(east) as (...args: readonly unknown[]) => unknown;
    const other = west.query.bind(west) as typeof query;
    Object.assign(east, { query: (...args: readonly unknown[]) => ((turn += 1) % 2 === 0 ? query : other)(...args) });
    try {
      const orders = inbox(
        'billing',
        { db: east, payload: Order, redeliveryMaxMs: dayMs, prepare: (_message, run) => run(guarded, 'x') },
        (_client, _message, prepared) => prepared,
      );
      assert.deepEqual(await orders.receive(message), { kind: 'done', reply: { kind: 'unknown' } });
    } finally {
      await Promise.all([east.end(), west.end()]);
    }
  });

  test('is called once by two deliveries at the same time, and both know its result', async () => {
    const orders = billing((run) => run(guarded, undefined));
    const message = aMessage();
    const results = await Promise.all([orders.receive(message), orders.receive(message), orders.receive(message)]);
    const reply = { kind: 'done', result: 'receipt of 1' };
    assert.deepEqual(results.map(({ kind }) => kind).sort(), ['done', 'duplicate', 'duplicate']);
    for (const result of results) assert.deepEqual('reply' in result && result.reply, reply);
    assert.equal(provider.calls, 1);
  });

  test('with a check is asked about before it is called again', async () => {
    const orders = billing((run) => run(checked, 'x'), 1);
    const message = aMessage();
    await assert.rejects(orders.receive(message), /transaction fails/);
    await dieInCall();
    assert.deepEqual(await orders.receive(message), { kind: 'done', reply: 'receipt that was found' });
    assert.equal(provider.calls, 1);
  });

  test('with a check is called again when the provider knows nothing of it, and not after its answer was lost', async () => {
    const orders = billing((run) => run(checked, 'x'));
    const message = aMessage();
    provider.losesAnswer = true;
    await assert.rejects(orders.receive(message), /answer was lost/);
    provider.losesAnswer = false;
    assert.deepEqual(await orders.receive(message), { kind: 'done', reply: 'receipt that was found' });
    provider.charges.length = 0;
    const other = aMessage();
    await stage.database.query('truncate headwater.inbox_effect');
    assert.deepEqual(await orders.receive(other), { kind: 'done', reply: 'receipt of 1' });
  });

  test('runs outside of every transaction, and not at all for a message that took effect', async () => {
    const states: unknown[] = [];
    const orders = billing(async (run) => {
      const open = await stage.database.query(
        `select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
      );
      states.push(open.length);
      return run(keyed, 'x');
    });
    const message = aMessage();
    await orders.receive(message);
    await orders.receive(message);
    assert.deepEqual(states, [0]);
  });

  test('refuses two effects of one name for one message', async () => {
    const orders = billing(async (run) => [await run(keyed, 'x'), await run(keyed, 'y')]);
    await assert.rejects(orders.receive(aMessage()), { code: 'HW-INBOX-012' });
  });

  test('that takes too long is given up by its time', async () => {
    const orders = billing((run) =>
      run(
        effect('slow', {
          kind: 'keyed',
          timeoutMs: 20,
          call: async (_input: undefined, { signal }: EffectCall) => {
            await once(signal, 'abort');
            throw signal.reason;
          },
        }),
        undefined,
      ),
    );
    await assert.rejects(orders.receive(aMessage()), { code: 'HW-INBOX-014' });
  });
});
