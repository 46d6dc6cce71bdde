import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { createIdempotency } from '../idempotency/idempotency.ts';
import { send } from '../idempotency/testing/idempotency-stage.ts';
import { inbox } from '../inbox/inbox.ts';
import { aMessage, dayMs } from '../inbox/testing/inbox-stage.ts';
import { runIn } from '../testing/database-roots.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import type { TransactionDriver } from '../testing/transaction-driver.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';

/*
 * Code that nobody awaits runs one statement after the other, and one fails behind our last one and in front of COMMIT. PostgreSQL answers
 * that with ROLLBACK, which most libraries show to nobody.
 */

const skip = await skipReason('postgres18');

async function placeOrder(tx: unknown): Promise<void> {
  await runIn(tx, 'insert into public.orders select gen_random_uuid()::text');
}

/** Not awaited by whoever calls it. As many statements as it takes to come behind our last one; several, since libraries differ. */
async function audit(tx: unknown, turns: number): Promise<void> {
  try {
    for (let turn = 0; turn < turns; turn += 1) await runIn(tx, 'select 1');
    await runIn(tx, 'select 1 / 0');
  } catch {
    // Its error is nobody's.
  }
}

/** What nobody awaits may come to run in the next transaction of the connection, too, and fail that. */
async function again<Result>(act: () => Promise<Result>): Promise<Result> {
  return await act().catch(act);
}

async function countOrders({ database }: EventDatabase): Promise<number> {
  return (await database.query('select id from public.orders')).length;
}

for (const [name, library] of Object.entries(drivenLibraries)) {
  describe(`a COMMIT that is answered with ROLLBACK (${name})`, { skip }, () => {
    let stage: EventDatabase;
    let driver: TransactionDriver;
    before(async () => {
      stage = await createEventDatabase(18);
      driver = await library.open({ url: stage.applicationUrl, connections: 3 });
    });
    after(async () => {
      await driver[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    });
    beforeEach(() => stage.database.query('truncate public.orders'));

    for (const turns of [1, 2]) {
      for (const reply of [undefined, { ok: true }]) {
        it(`takes no message (${turns} statements, ${reply === undefined ? 'no' : 'a'} reply)`, async () => {
          let runs = 0;
          const options = { db: driver.root, payload: z.unknown(), redeliveryMaxMs: dayMs };
          const orders = inbox('orders', options, async (tx) => {
            await placeOrder(tx);
            runs += 1;
            if (runs === 1) void audit(tx, turns);
            return reply;
          });
          const message = aMessage();
          const first = await orders.receive(message).then(
            ({ kind }) => kind,
            () => 'rejected',
          );
          assert.equal(await countOrders(stage), first === 'done' ? 1 : 0, first);
          const second = await again(() => orders.receive(message));
          assert.equal(second.kind, first === 'done' ? 'duplicate' : 'done');
          assert.equal(await countOrders(stage), 1);
        });
      }

      for (const kind of ['transaction', 'phases'] as const) {
        it(`is no answer to a key (${turns} statements, ${kind})`, async () => {
          let runs = 0;
          const place = async (tx: unknown): Promise<void> => {
            await placeOrder(tx);
            runs += 1;
            if (runs === 1) void audit(tx, turns);
          };
          const declared = { name: 'orders.place', safety: 'keyed', parse: () => null } as const;
          const idempotency = createIdempotency(driver.root, { principal: () => 'ann', onFailure: () => undefined });
          const handler =
            kind === 'transaction'
              ? idempotency.handler({
                  ...declared,
                  async transaction(tx) {
                    await place(tx);
                    return new Response(null, { status: 204 });
                  },
                })
              : idempotency.handler({
                  ...declared,
                  async phases(run) {
                    await run.phase('place', place);
                    return new Response(null, { status: 204 });
                  },
                });
          const key = `"${kind} ${turns}"`;
          const { status } = await send(handler, { key });
          assert.equal(await countOrders(stage), status === 204 ? 1 : 0, String(status));
          const second = await again(async () => {
            const answer = await send(handler, { key });
            return answer.status === 204 ? answer : Promise.reject(new Error(answer.text));
          });
          assert.equal(second.status, 204);
          assert.equal(await countOrders(stage), 1);
        });
      }
    }
  });
}
