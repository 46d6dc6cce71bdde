import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { createIdempotency } from './idempotency.ts';
import { Refusal } from './refusal.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  insertOrder,
  orderOperation,
  placeOrder,
  problemCode,
  roots,
  send,
  stoppedClock,
} from './testing/idempotency-stage.ts';

/** Opens when told. */
function createGate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

for (const [major, name] of [
  [15, 'pg'],
  [18, 'pg'],
  [18, 'Drizzle'],
  [18, 'Kysely'],
] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`idempotency keys with ${name} on PostgreSQL ${major}, as the application role`, { skip }, () => {
    let stage: IdempotencyStage;
    before(async () => {
      stage = await createIdempotencyStage(major, roots[name] ?? assert.fail());
    });
    after(() => stage[Symbol.asyncDispose]());
    beforeEach(() => stage.clear());

    it('answers a repetition as the first request, marked, with one effect and one event', async () => {
      const place = stage.open().handler(orderOperation());
      const first = await send(place, { key: '"a"' });
      assert.equal(first.status, 201, first.text);
      assert.equal(first.isReplay, false);
      assert.equal(
        new Headers(first.headers.map(([header, value]) => [header, value])).getSetCookie().join(),
        'a=1,b=2',
      );
      await stage.events.database.query('delete from orders');
      for (const key of ['"a"', 'a']) assert.deepEqual(await send(place, { key }), { ...first, isReplay: true });
      assert.equal(await stage.countOrders(), 0);
      assert.equal((await stage.events.readEvents()).length, 1);
      const row = await stage.readRow();
      assert.deepEqual([row['input'], row['leased_until'], row['recovery_point']], [null, null, 'finished']);
    });

    it('publishes until when a key is remembered: a day at least', async () => {
      const { headers } = await send(stage.open().handler(orderOperation()), { key: '"a"' });
      const expires = new Date(headers.find(([header]) => header === 'idempotency-key-expires')?.[1] ?? '');
      const [row] = await stage.events.database.query<{ now: Date }>('select now() as now');
      const hours = (expires.getTime() - (row?.now.getTime() ?? 0)) / 3_600_000;
      assert.ok(hours > 23.9 && hours <= 24, String(hours));
      assert.throws(() => stage.open({ expiryMs: 86_399_999 }), { code: 'HW-IDEMPOTENCY-014' });
    });

    it('refuses a missing and an invalid key with 400, and does nothing', async () => {
      const place = stage.open().handler(orderOperation());
      assert.equal(problemCode(await send(place), 400), 'HW-IDEMPOTENCY-001');
      assert.equal(problemCode(await send(place, { key: '"open' }), 400), 'HW-IDEMPOTENCY-002');
      assert.equal(await stage.countOrders(), 0);
    });

    it('refuses a key that was used for another content with 422, finished or not', async () => {
      const gate = createGate();
      const began = createGate();
      const place = stage.open().handler(
        orderOperation(async (tx, context) => {
          began.open();
          await gate.opened;
          return placeOrder(tx, context);
        }),
      );
      const first = send(place, { key: '"a"' });
      await began.opened;
      const others = [{ body: '{"note":"two"}' }, { url: 'http://shop.test/orders?dry=1' }];
      const early = [];
      for (const other of others) early.push(await send(place, { key: '"a"', ...other }));
      gate.open();
      assert.equal((await first).status, 201);
      for (const answer of early) assert.equal(problemCode(answer, 422), 'HW-IDEMPOTENCY-003');
      for (const other of others) {
        assert.equal(problemCode(await send(place, { key: '"a"', ...other }), 422), 'HW-IDEMPOTENCY-003');
      }
      assert.equal(await stage.countOrders(), 1);
    });

    it('keeps the keys of two principals and of two operations apart', async () => {
      const edge = stage.open();
      const place = edge.handler(orderOperation());
      const other = edge.handler(orderOperation(placeOrder, 'orders.place-again'));
      const answers = [
        await send(place, { key: '"a"' }),
        await send(place, { key: '"a"', user: 'bob' }),
        await send(other, { key: '"a"' }),
      ];
      assert.deepEqual(
        answers.map(({ isReplay }) => isReplay),
        [false, false, false],
      );
      assert.equal(new Set(answers.map(({ text }) => text)).size, 3);
      assert.equal(await stage.countOrders(), 3);
    });

    it('gives requests that come at once the answer of one of them, with one effect', async () => {
      const place = stage.open().handler(orderOperation());
      const answers = await Promise.all(Array.from({ length: 12 }, () => send(place, { key: '"a"' })));
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array.from({ length: 12 }, () => 201),
      );
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      assert.equal(answers.filter(({ isReplay }) => !isReplay).length, 1);
      assert.equal(await stage.countOrders(), 1);
      assert.equal((await stage.events.readEvents()).length, 1);
    });

    it('answers 409 with Retry-After when the first takes longer than the wait', async () => {
      const gate = createGate();
      const began = createGate();
      const place = stage.open({ waitMsMax: 50 }).handler(
        orderOperation(async (tx, context) => {
          began.open();
          await gate.opened;
          return placeOrder(tx, context);
        }),
      );
      const first = send(place, { key: '"a"' });
      await began.opened;
      const second = await send(place, { key: '"a"' });
      assert.equal(problemCode(second, 409), 'HW-IDEMPOTENCY-004');
      assert.ok(Number(second.retryAfter) >= 1 && Number(second.retryAfter) <= 30, String(second.retryAfter));
      gate.open();
      assert.equal((await first).status, 201);
      assert.equal((await send(place, { key: '"a"' })).isReplay, true);
    });

    it('keeps no refusal of an input, and answers a finished key whatever is refused now', async () => {
      let isClosed = true;
      const operation = orderOperation();
      const place = stage.open().handler({
        ...operation,
        parse: (request, native) =>
          isClosed ? Response.json({ error: 'closed' }, { status: 403 }) : operation.parse(request, native),
      });
      assert.equal((await send(place, { key: '"a"' })).status, 403);
      assert.deepEqual(await stage.events.database.query('select * from headwater.idempotency_key'), []);
      isClosed = false;
      const first = await send(place, { key: '"a"' });
      assert.equal(first.status, 201);
      isClosed = true;
      assert.deepEqual(await send(place, { key: '"a"' }), { ...first, isReplay: true });
    });

    it('keeps no failure of the code: its effects are rolled back, and a repetition runs it again', async () => {
      let isBroken = true;
      const place = stage.open().handler(
        orderOperation(async (tx, context) => {
          const response = await placeOrder(tx, context);
          if (isBroken) throw new TypeError('secret of the shop');
          return response;
        }),
      );
      const failed = await send(place, { key: '"a"' });
      assert.equal(problemCode(failed, 500), 'HW-IDEMPOTENCY-007');
      assert.ok(!failed.text.includes('secret'));
      assert.equal(stage.failures.length, 1);
      assert.match(String(stage.failures[0]?.error), /secret of the shop/);
      assert.equal(await stage.countOrders(), 0);
      isBroken = false;
      const second = await send(place, { key: '"a"' });
      assert.deepEqual([second.status, second.isReplay], [201, false]);
      assert.equal(await stage.countOrders(), 1);
      assert.equal((await stage.events.readEvents()).length, 1);
      assert.equal((await stage.readRow())['attempt_count'], 2);
    });

    it('keeps a definite failure: with its effects when returned, without them when thrown', async () => {
      let runs = 0;
      const decline = async (): Promise<Response> => {
        runs += 1;
        return Response.json({ error: 'declined' }, { status: 402 });
      };
      const edge = stage.open();
      const returning = edge.handler(
        orderOperation(async (tx) => {
          await insertOrder(tx, 'kept');
          return decline();
        }, 'returning'),
      );
      const throwing = edge.handler(
        orderOperation(async (tx) => {
          await insertOrder(tx, 'lost');
          throw new Refusal(await decline());
        }, 'throwing'),
      );
      for (const [handler, orders] of [
        [returning, 1],
        [throwing, 1],
      ] as const) {
        const first = await send(handler, { key: '"a"' });
        assert.equal(first.status, 402);
        assert.deepEqual(await send(handler, { key: '"a"' }), { ...first, isReplay: true });
        assert.equal(await stage.countOrders(), orders);
      }
      assert.equal(runs, 2);
      assert.deepEqual((await stage.events.readEvents()).length, 1);
    });

    it('passes an answer of "later" on without its effects, and keeps it not', async () => {
      const statuses = [503, 429, 201];
      const place = stage.open().handler(
        orderOperation(async (tx) => {
          await insertOrder(tx, 'x');
          return new Response(null, { status: statuses.shift() ?? 500 });
        }),
      );
      for (const status of [503, 429, 201]) {
        const answer = await send(place, { key: '"a"' });
        assert.deepEqual([answer.status, answer.isReplay], [status, false]);
      }
      assert.equal(await stage.countOrders(), 1);
    });

    it('settles a commit whose connection was cut before it was sent: nothing was done, a repetition does it', async () => {
      const place = stage.open().handler(orderOperation());
      let cuts = 1;
      stage.hook = (text) => (text.startsWith('commit') && cuts-- > 0 ? { kind: 'cut-before' } : undefined);
      assert.equal(problemCode(await send(place, { key: '"a"' }), 500), 'HW-IDEMPOTENCY-007');
      assert.equal(await stage.countOrders(), 0);
      const second = await send(place, { key: '"a"' });
      assert.deepEqual([second.status, second.isReplay], [201, false]);
      assert.equal(await stage.countOrders(), 1);
    });

    it('settles a commit whose answer was lost: it gives the answer that was committed', async () => {
      const place = stage.open().handler(orderOperation());
      let cuts = 1;
      const untilCommitted = async (): Promise<void> => {
        while ((await stage.countOrders()) === 0);
      };
      stage.hook = (text) =>
        text.startsWith('commit') && cuts-- > 0 ? { kind: 'cut-behind', done: untilCommitted } : undefined;
      const first = await send(place, { key: '"a"' });
      assert.deepEqual([first.status, first.isReplay], [201, false]);
      assert.deepEqual(await send(place, { key: '"a"' }), { ...first, isReplay: true });
      assert.equal(await stage.countOrders(), 1);
    });

    it('lets no late holder commit: its lease ended, another one has taken over', async () => {
      const gate = createGate();
      const began = createGate();
      let runs = 0;
      const operation = orderOperation(async (tx, context) => {
        runs += 1;
        if (runs === 1) {
          began.open();
          await gate.opened;
        }
        return placeOrder(tx, context);
      });
      const late = send(stage.open({ leaseMs: 100, clock: stoppedClock }).handler(operation), { key: '"a"' });
      await began.opened;
      const second = await send(stage.open({ leaseMs: 100 }).handler(operation), { key: '"a"' });
      assert.deepEqual([second.status, second.isReplay, runs], [201, false, 2]);
      gate.open();
      // It has rolled back, and finds the answer of the one that took over.
      assert.deepEqual(await late, second);
      assert.equal(await stage.countOrders(), 1);
      assert.equal((await stage.events.readEvents()).length, 1);
    });

    it('waits no longer than its patience for a commit that is under way', async () => {
      const gate = createGate();
      const began = createGate();
      stage.hook = (text) => {
        if (!text.startsWith('commit')) return undefined;
        began.open();
        return { kind: 'hold', until: gate.opened };
      };
      const place = stage.open({ waitMsMax: 50 }).handler(orderOperation());
      const held = send(place, { key: '"a"' });
      await began.opened;
      const second = await send(place, { key: '"a"' });
      gate.open();
      assert.equal((await held).status, 201);
      assert.equal(problemCode(second, 409), 'HW-IDEMPOTENCY-004');
    });

    it('frees a key whose holder stands still between its last statement and its commit', async () => {
      const gate = createGate();
      const began = createGate();
      let holds = 1;
      stage.hook = (text) => {
        if (!text.startsWith('commit') || holds-- < 1) return undefined;
        began.open();
        return { kind: 'hold', until: gate.opened };
      };
      const held = send(stage.open({ leaseMs: 300, clock: stoppedClock }).handler(orderOperation()), { key: '"a"' });
      await began.opened;
      const second = await send(stage.open({ leaseMs: 300 }).handler(orderOperation()), { key: '"a"' });
      gate.open();
      const answerOfHolder = await held;
      assert.deepEqual([second.status, second.isReplay], [201, false]);
      assert.deepEqual(answerOfHolder, second);
      assert.equal(await stage.countOrders(), 1);
    });

    it('lets a holder that lives longer than its lease finish', async () => {
      const gate = createGate();
      const began = createGate();
      let runs = 0;
      const place = stage.open({ leaseMs: 500, waitMsMax: 1500 }).handler(
        orderOperation(async (tx, context) => {
          runs += 1;
          began.open();
          await gate.opened;
          return placeOrder(tx, context);
        }),
      );
      const first = send(place, { key: '"a"' });
      await Promise.race([began.opened, first]);
      assert.equal(problemCode(await send(place, { key: '"a"' }), 409), 'HW-IDEMPOTENCY-004');
      gate.open();
      assert.equal((await first).status, 201);
      assert.deepEqual([runs, await stage.countOrders()], [1, 1]);
    });

    it('runs again what a serialization failure or a deadlock rolled back', async () => {
      let runs = 0;
      const place = stage.open().handler(
        orderOperation(async (tx, context) => {
          runs += 1;
          const response = await placeOrder(tx, context);
          if (runs < 3) throw Object.assign(new Error('could not serialize'), { code: '40001', severity: 'ERROR' });
          return response;
        }),
      );
      const answer = await send(place, { key: '"a"' });
      assert.deepEqual([answer.status, runs, await stage.countOrders()], [201, 3, 1]);
    });

    it('refuses an answer that is too large to keep, and rolls its effects back', async () => {
      const place = stage.open({ responseBytesMax: 10 }).handler(orderOperation());
      assert.equal(problemCode(await send(place, { key: '"a"' }), 500), 'HW-IDEMPOTENCY-010');
      assert.equal(await stage.countOrders(), 0);
    });

    it('reads no body beyond its limit', async () => {
      const place = stage.open({ bodyBytesMax: 14 }).handler(orderOperation());
      assert.equal((await send(place, { key: '"a"', body: '{"note":"one"}' })).status, 201);
      assert.equal(problemCode(await send(place, { key: '"b"', body: '{"note":"ones"}' }), 413), 'HW-IDEMPOTENCY-005');
      const chunks = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(10)),
      });
      const init = { method: 'POST', headers: { 'idempotency-key': '"c"' }, body: chunks, duplex: 'half' } as const;
      assert.equal((await place(new Request('http://shop.test/orders', init))).status, 413);
    });
  });
}

const skip = await skipReason('postgres18');
describe('the edge over a database', { skip }, () => {
  let stage: IdempotencyStage;
  before(async () => {
    stage = await createIdempotencyStage(18, (pool) => pool);
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(() => stage.clear());
  const code = (expected: string) => (error: unknown) => error instanceof HeadwaterError && error.code === expected;

  it('is refused over anything but a pool or root object', async () => {
    const options = { principal: () => 'ann', onFailure: () => undefined };
    const client = await stage.pool.connect();
    try {
      for (const db of [client, {}, null, 'postgres://']) {
        assert.throws(() => createIdempotency(db, options), code('HW-IDEMPOTENCY-011'));
      }
    } finally {
      client.release();
    }
  });

  it('refuses operations without a name of their own, and principals that cannot be kept', async () => {
    const edge = stage.open({ principal: () => '' });
    const place = edge.handler(orderOperation());
    assert.throws(() => edge.handler(orderOperation()), code('HW-IDEMPOTENCY-014'));
    assert.throws(() => edge.handler(orderOperation(placeOrder, '')), code('HW-IDEMPOTENCY-014'));
    await assert.rejects(send(place, { key: '"a"' }), code('HW-IDEMPOTENCY-014'));
  });

  it('keeps what isFinal says, and compares what fingerprint gives', async () => {
    let runs = 0;
    const edge = stage.open({
      isFinal: () => true,
      fingerprint: ({ body, headers, method, url }) => {
        assert.deepEqual([method, url.pathname, headers.get('x-user')], ['POST', '/orders', 'ann']);
        return (JSON.parse(new TextDecoder().decode(body)) as { readonly note: string }).note;
      },
    });
    const place = edge.handler(
      orderOperation(async () => {
        runs += 1;
        return new Response(null, { status: 503 });
      }),
    );
    for (const body of ['{"note":"one"}', '{ "note": "one", "more": 1 }']) {
      assert.equal((await send(place, { key: '"a"', body })).status, 503);
    }
    assert.equal(runs, 1);
    assert.equal(problemCode(await send(place, { key: '"a"', body: '{"note":"two"}' }), 422), 'HW-IDEMPOTENCY-003');
  });

  it('answers what the principal refuses, and looks at no key before', async () => {
    const place = stage.open({ principal: () => new Response(null, { status: 401 }) }).handler(orderOperation());
    assert.equal((await send(place)).status, 401);
  });

  it('needs no key for what is safe or natural, and refuses one where it would be a false promise', async () => {
    const edge = stage.open();
    const respond = (): Response => new Response('done');
    for (const safety of ['safe', 'natural'] as const) {
      const handler = edge.handler({ name: safety, safety, respond });
      assert.equal((await send(handler)).text, 'done');
      assert.equal((await send(handler, { key: '"a"' })).text, 'done');
    }
    const unsafe = edge.handler({ name: 'unsafe', safety: 'unsafe', respond });
    assert.equal((await send(unsafe)).text, 'done');
    assert.equal(problemCode(await send(unsafe, { key: '"a"' }), 400), 'HW-IDEMPOTENCY-012');
  });

  it('names a missing table, and does nothing', async () => {
    const place = stage.open({ schemaName: 'elsewhere' }).handler(orderOperation());
    await assert.rejects(send(place, { key: '"a"' }), code('HW-IDEMPOTENCY-013'));
    assert.equal(await stage.countOrders(), 0);
  });
});
