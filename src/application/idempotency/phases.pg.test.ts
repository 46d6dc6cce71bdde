import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';
import type { PhasedOperation, PhasedRun } from './operation.ts';
import { Refusal } from './refusal.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  insertOrder,
  orderOperation,
  type OrderInput,
  parseOrder,
  placeOrder,
  problemCode,
  roots,
  send,
  stoppedClock,
} from './testing/idempotency-stage.ts';

/** A provider that honours keys, as payment providers do. */
class Provider {
  readonly charges = new Map<string, string>();
  calls = 0;

  charge(key: string): string {
    this.calls += 1;
    const known = this.charges.get(key) ?? `charge-${this.charges.size + 1}`;
    this.charges.set(key, known);
    return known;
  }
}

type Run = PhasedRun<TransactionLike, OrderInput>;

for (const name of ['pg', 'Drizzle', 'Kysely']) {
  const skip = await skipReason('postgres18');
  describe(`operations in phases with ${name}`, { skip }, () => {
    let stage: IdempotencyStage;
    let provider: Provider;
    /** Throws behind the step of this name, once. */
    let failsBehind: string | undefined;
    before(async () => {
      stage = await createIdempotencyStage(18, roots[name] ?? assert.fail());
    });
    after(() => stage[Symbol.asyncDispose]());
    beforeEach(async () => {
      await stage.clear();
      provider = new Provider();
      failsBehind = undefined;
    });

    const failBehind = (step: string): void => {
      if (failsBehind !== step) return;
      failsBehind = undefined;
      throw new Error(`failed behind ${step}`);
    };
    const buy = async (run: Run): Promise<Response> => {
      const order = await run.phase('order', async (tx) => ({ id: await insertOrder(tx, run.input.note) }));
      failBehind('order');
      const charge = await run.call('charge', async (key) => provider.charge(key));
      failBehind('charge');
      await run.phase('ship', async (tx) => void (await insertOrder(tx, 'shipped')));
      failBehind('ship');
      return Response.json({ order: order.id, charge }, { status: 201 });
    };
    const buying = (phases = buy): PhasedOperation<TransactionLike, OrderInput> => ({
      name: 'orders.buy',
      safety: 'keyed',
      parse: parseOrder,
      phases,
    });

    it('does each step once, and gives the same answer at a repetition', async () => {
      const handler = stage.open().handler(buying());
      const first = await send(handler, { key: '"a"' });
      assert.equal(first.status, 201, first.text);
      assert.deepEqual(await send(handler, { key: '"a"' }), { ...first, isReplay: true });
      assert.deepEqual([await stage.countOrders(), provider.calls], [2, 1]);
      assert.equal((await stage.events.readEvents()).length, 2);
    });

    for (const step of ['order', 'charge', 'ship']) {
      it(`goes on behind the step "${step}" when what followed it failed`, async () => {
        failsBehind = step;
        const handler = stage.open().handler(buying());
        assert.equal(problemCode(await send(handler, { key: '"a"' }), 500), 'HW-IDEMPOTENCY-007');
        assert.equal((await stage.readRow())['recovery_point'], step);
        assert.equal((await send(handler, { key: '"a"' })).status, 201);
        assert.deepEqual([await stage.countOrders(), provider.calls], [2, 1]);
        assert.equal((await stage.events.readEvents()).length, 2);
      });
    }

    it("repeats a call whose result was not stored under the same key, which is not the client's", async () => {
      let cuts = 1;
      stage.hook = (text) =>
        text.includes('jsonb_build_array') && provider.calls === 1 && cuts-- > 0 ? { kind: 'cut-before' } : undefined;
      const handler = stage.open().handler(buying());
      assert.equal((await send(handler, { key: '"a"' })).status, 500);
      assert.equal((await send(handler, { key: '"a"' })).status, 201);
      assert.deepEqual([provider.calls, provider.charges.size, await stage.countOrders()], [2, 1, 2]);
      const [key = ''] = provider.charges.keys();
      assert.match(key, /^[0-9a-f-]{36}:charge$/);
      await send(handler, { key: '"b"' });
      assert.equal(provider.charges.size, 2);
    });

    it('rolls a step back with its recovery point, and runs it again', async () => {
      let isBroken = true;
      const handler = stage.open().handler(
        buying(async (run) => {
          await run.phase('order', async (tx) => {
            await insertOrder(tx, 'x');
            if (isBroken) throw new Error('broken');
          });
          return new Response(null, { status: 204 });
        }),
      );
      assert.equal((await send(handler, { key: '"a"' })).status, 500);
      assert.deepEqual([(await stage.readRow())['recovery_point'], await stage.countOrders()], ['started', 0]);
      isBroken = false;
      assert.equal((await send(handler, { key: '"a"' })).status, 204);
      assert.equal(await stage.countOrders(), 1);
    });

    it('keeps a definite refusal of a provider as the answer, and what the steps before did', async () => {
      const handler = stage.open().handler(
        buying(async (run) => {
          await run.phase('order', async (tx) => void (await insertOrder(tx, 'x')));
          await run.call('charge', async () => {
            throw new Refusal(Response.json({ error: 'declined' }, { status: 402 }));
          });
          return assert.fail();
        }),
      );
      const first = await send(handler, { key: '"a"' });
      assert.equal(first.status, 402);
      assert.deepEqual(await send(handler, { key: '"a"' }), { ...first, isReplay: true });
      assert.equal(await stage.countOrders(), 1);
    });

    it('stops when the steps are not those that are done, and lists the key for people', async () => {
      failsBehind = 'charge';
      const edge = stage.open();
      assert.equal((await send(edge.handler(buying()), { key: '"a"' })).status, 500);
      for (const phases of [
        (run: Run) => run.phase('ship', async () => new Response()),
        (run: Run) => run.call('order', async () => new Response()),
        async () => new Response('done'),
      ]) {
        const answer = await send(stage.open().handler(buying(phases)), { key: '"a"' });
        assert.equal(problemCode(answer, 500), 'HW-IDEMPOTENCY-009');
      }
      const [unfinished, ...others] = await edge.listUnfinished({ ageMs: 0 });
      assert.deepEqual(others, []);
      const { attempts, isHeld, key, operation, principal, recoveryPoint } = unfinished ?? assert.fail();
      assert.deepEqual(
        { attempts, isHeld, key, operation, principal, recoveryPoint },
        { attempts: 4, isHeld: false, key: 'a', operation: 'orders.buy', principal: 'ann', recoveryPoint: 'charge' },
      );
    });

    it('refuses a step that is used twice, or begun beside another, or has no proper name', async () => {
      const wrong = [
        async (run: Run): Promise<void> => {
          await run.phase('one', async () => undefined);
          await run.phase('one', async () => undefined);
        },
        async (run: Run): Promise<void> => {
          const first = run.phase('one', async () => undefined);
          await assert.rejects(
            run.call('two', async () => undefined),
            { code: 'HW-IDEMPOTENCY-014' },
          );
          await first;
          throw new Error('enough');
        },
        (run: Run) => run.phase('', async () => undefined),
        (run: Run) => run.phase('with blank', async () => undefined),
      ];
      for (const [index, misuse] of wrong.entries()) {
        const handler = stage.open().handler(
          buying(async (run) => {
            await misuse(run);
            return new Response();
          }),
        );
        const code = problemCode(await send(handler, { key: `"${index}"` }), 500);
        assert.equal(code, index === 1 ? 'HW-IDEMPOTENCY-007' : 'HW-IDEMPOTENCY-014');
      }
    });

    it('lets no late holder go on: neither its call is kept nor its next step done', async () => {
      const gate = Promise.withResolvers<void>();
      const began = Promise.withResolvers<void>();
      let isLate = true;
      const phases = async (run: Run): Promise<Response> => {
        const charge = await run.call('charge', async (key) => {
          if (isLate) {
            isLate = false;
            began.resolve();
            await gate.promise;
          }
          return provider.charge(key);
        });
        await run.phase('order', async (tx) => void (await insertOrder(tx, 'x')));
        return Response.json({ charge });
      };
      const late = send(stage.open({ leaseMs: 100, clock: stoppedClock }).handler(buying(phases)), { key: '"a"' });
      await began.promise;
      const second = await send(stage.open({ leaseMs: 100 }).handler(buying(phases)), { key: '"a"' });
      assert.equal(second.status, 200, second.text);
      gate.resolve();
      assert.deepEqual(await late, second);
      assert.deepEqual([provider.calls, provider.charges.size, await stage.countOrders()], [2, 1, 1]);
    });

    it('lets no late holder commit a step that the one who took over does, too', async () => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      const began = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      const phases = async (run: Run): Promise<Response> => {
        const index = run.attempt === 1 ? 0 : 1;
        const id = await run.phase('order', async (tx) => {
          const order = await insertOrder(tx, 'x');
          if (index === 0) began[0].resolve();
          if (index === 0) await gates[0].promise;
          return order;
        });
        // The one who took over is behind the step and has not finished.
        if (index === 1) {
          began[1].resolve();
          await gates[1].promise;
        }
        return Response.json({ id });
      };
      const late = send(stage.open({ leaseMs: 100, clock: stoppedClock }).handler(buying(phases)), { key: '"a"' });
      await began[0].promise;
      const second = send(stage.open({ leaseMs: 10_000 }).handler(buying(phases)), { key: '"a"' });
      await began[1].promise;
      gates[0].resolve();
      const answerOfLate = await late;
      gates[1].resolve();
      assert.equal((await second).status, 200);
      assert.equal(problemCode(answerOfLate, 409), 'HW-IDEMPOTENCY-008');
      assert.deepEqual([await stage.countOrders(), (await stage.events.readEvents()).length], [1, 1]);
    });

    it('does a step again whose commit was cut, and none whose commit was not', async () => {
      const handler = stage.open().handler(buying());
      let cuts = 1;
      stage.hook = (text) => (text.startsWith('commit') && cuts-- > 0 ? { kind: 'cut-before' } : undefined);
      assert.equal((await send(handler, { key: '"a"' })).status, 500);
      assert.deepEqual([(await stage.readRow())['recovery_point'], await stage.countOrders()], ['started', 0]);
      const untilCommitted = async (): Promise<void> => {
        while ((await stage.countOrders()) === 0);
      };
      cuts = 1;
      stage.hook = (text) =>
        text.startsWith('commit') && cuts-- > 0 ? { kind: 'cut-behind', done: untilCommitted } : undefined;
      assert.equal((await send(handler, { key: '"a"' })).status, 500);
      assert.deepEqual([(await stage.readRow())['recovery_point'], await stage.countOrders()], ['order', 1]);
      assert.equal((await send(handler, { key: '"a"' })).status, 201);
      assert.deepEqual([await stage.countOrders(), provider.calls], [2, 1]);
    });

    it('tells an operation that runs on that its lease is lost', async () => {
      const began = Promise.withResolvers<void>();
      const lost = Promise.withResolvers<unknown>();
      const handler = stage.open({ leaseMs: 150 }).handler(
        buying(async (run) => {
          began.resolve();
          run.signal.addEventListener('abort', () => lost.resolve(run.signal.reason));
          await lost.promise;
          return new Response();
        }),
      );
      const late = send(handler, { key: '"a"' });
      await began.promise;
      await stage.events.database.query('update headwater.idempotency_key set lease_epoch = 2');
      assert.equal(((await lost.promise) as { code: string }).code, 'HW-IDEMPOTENCY-008');
      assert.equal(problemCode(await late, 409), 'HW-IDEMPOTENCY-008');
    });

    it('finishes abandoned operations without their clients, with what those had sent', async () => {
      failsBehind = 'charge';
      const edge = stage.open();
      const handler = edge.handler(buying());
      assert.equal((await send(handler, { key: '"a"', user: 'bob' })).status, 500);
      assert.deepEqual(await edge.completeAbandoned(), { finished: 0, unfinished: 0 }, 'the client comes first');
      assert.deepEqual(await edge.completeAbandoned({ graceMs: 0 }), { finished: 1, unfinished: 0 });
      assert.deepEqual(await edge.completeAbandoned({ graceMs: 0 }), { finished: 0, unfinished: 0 });
      assert.deepEqual([provider.calls, await stage.countOrders()], [1, 2]);
      const answer = await send(handler, { key: '"a"', user: 'bob' });
      assert.deepEqual([answer.status, answer.isReplay], [201, true]);
    });

    it('gives its events the trace and the correlation of the request, and the run of its key as their cause, at each attempt', async () => {
      failsBehind = 'order';
      const edge = stage.open();
      const seen: unknown[] = [];
      const handler = edge.handler(
        buying((run) => {
          seen.push([run.traceparent, run.correlationId]);
          return buy(run);
        }),
      );
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const init = { method: 'POST', body: '{"note":"one"}' };
      const headers = { 'idempotency-key': '"a"', traceparent, 'x-correlation-id': 'checkout-7' };
      assert.equal((await handler(new Request('http://shop.test/', { ...init, headers }))).status, 500);
      const runId = String((await stage.readRow())['run_id']);
      assert.deepEqual(await edge.completeAbandoned({ graceMs: 0 }), { finished: 1, unfinished: 0 });
      const contexts = (await stage.events.readEvents()).map((event) => [
        event.traceparent,
        event.correlationId,
        event.causationId,
      ]);
      assert.deepEqual(contexts, [
        [traceparent, 'checkout-7', runId],
        [traceparent, 'checkout-7', runId],
      ]);
      assert.deepEqual(seen, [
        [traceparent, 'checkout-7'],
        [traceparent, 'checkout-7'],
      ]);
    });

    it('gives events of a request that says nothing, or nothing usable, the run of its key', async () => {
      const handler = stage.open().handler(orderOperation());
      const headers = { 'idempotency-key': '"a"', traceparent: '00-1', 'x-correlation-id': 'x'.repeat(256) };
      const request = new Request('http://shop.test/', { method: 'POST', body: '{"note":"one"}', headers });
      assert.equal((await handler(request)).status, 201);
      const runId = String((await stage.readRow())['run_id']);
      const [event] = await stage.events.readEvents();
      assert.deepEqual([event?.traceparent, event?.correlationId, event?.causationId], [undefined, runId, runId]);
      const client = await stage.pool.connect();
      try {
        await client.query('begin');
        await insertOrder(client, 'beside');
        await client.query('commit');
      } finally {
        client.release();
      }
      const [beside] = await stage.events.readEvents();
      assert.deepEqual(
        [beside?.correlationId, beside?.causationId],
        [undefined, undefined],
        'of a transaction of its own',
      );
    });

    it('takes each abandoned operation up in one of several completers', async () => {
      let isBroken = true;
      const operation = orderOperation(async (tx, context) => {
        if (isBroken) throw new Error('broken');
        return placeOrder(tx, context);
      });
      const edges = [stage.open(), stage.open(), stage.open()];
      const handlers = edges.map((edge) => edge.handler(operation));
      for (let index = 0; index < 5; index += 1) await send(handlers[0] ?? assert.fail(), { key: `"${index}"` });
      assert.deepEqual(await edges[0]?.completeAbandoned({ graceMs: 0 }), { finished: 0, unfinished: 5 });
      isBroken = false;
      const passes = await Promise.all(edges.map((edge) => edge.completeAbandoned({ graceMs: 0 })));
      assert.equal(
        passes.reduce((sum, { finished }) => sum + finished, 0),
        5,
      );
      assert.equal(await stage.countOrders(), 5);
    });

    it('leaves what fails again and again to people', async () => {
      const edge = stage.open();
      const handler = edge.handler(
        orderOperation(async () => {
          throw new Error('broken');
        }),
      );
      await send(handler, { key: '"a"' });
      for (let pass = 0; pass < 5; pass += 1) await edge.completeAbandoned({ graceMs: 0, attemptsMax: 3 });
      assert.deepEqual(
        (await edge.listUnfinished({ ageMs: 0 })).map(({ attempts }) => attempts),
        [3],
      );
      assert.deepEqual(
        stage.failures.map(({ attempt }) => attempt.by),
        ['request', 'completer', 'completer'],
      );
    });

    it('removes expired keys in batches, and never one that has not finished', async () => {
      const edge = stage.open();
      const handler = edge.handler(orderOperation());
      failsBehind = 'order';
      await send(edge.handler(buying()), { key: '"unfinished"' });
      for (let index = 0; index < 5; index += 1) await send(handler, { key: `"${index}"` });
      assert.equal(await edge.reapExpired(), 0);
      await stage.events.database.query(
        `update headwater.idempotency_key set expires_at = now() where key in ('0', '1', '2', 'unfinished')`,
      );
      assert.deepEqual([await edge.reapExpired(2), await edge.reapExpired(2), await edge.reapExpired(2)], [2, 1, 0]);
      const rows = await stage.events.database.query('select key from headwater.idempotency_key order by key');
      assert.deepEqual(
        rows.map(({ key }) => String(key)),
        ['3', '4', 'unfinished'],
      );
    });

    it('completes and reaps by itself until it is disposed of, whatever a pass throws', async () => {
      failsBehind = 'order';
      const edge = stage.open();
      const handler = edge.handler(buying());
      await send(handler, { key: '"a"' });
      const errors: unknown[] = [];
      const reaped = Promise.withResolvers<void>();
      let cuts = 1;
      stage.hook = (text) => (text.includes('jsonb_array_elements') && cuts-- > 0 ? { kind: 'cut-before' } : undefined);
      await using completer = edge.startCompleter({
        intervalMs: 5,
        graceMs: 0,
        onError: (error) => errors.push(error),
        onPass: (pass) => {
          if (pass.finished === 1) {
            void stage.events.database.query('update headwater.idempotency_key set expires_at = now()');
          }
          if (pass.reaped === 1) reaped.resolve();
        },
      });
      await reaped.promise;
      await completer[Symbol.asyncDispose]();
      assert.deepEqual([errors.length, await stage.countOrders(), provider.calls], [1, 2, 1]);
    });
  });
}
