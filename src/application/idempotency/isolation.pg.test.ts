import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { Pool } from 'pg';

import { skipReason } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { systemClock } from '../../foundation/clock.ts';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';
import { createIdempotency } from './idempotency.ts';
import type { PhasedOperation } from './operation.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  insertOrder,
  orderOperation,
  type OrderInput,
  parseOrder,
  placeOrder,
  roots,
  send,
} from './testing/idempotency-stage.ts';

const leaseMs = 900;

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`idempotency keys in stricter isolation on PostgreSQL ${major}`, { skip }, () => {
    let stage: IdempotencyStage;
    before(async () => {
      stage = await createIdempotencyStage(major, roots['pg'] ?? assert.fail());
    });
    after(() => stage[Symbol.asyncDispose]());
    beforeEach(() => stage.clear());

    /** Longer than a third of the lease, after which it is renewed. */
    const outlastRenewal = (): Promise<void> => {
      const beganAtMs = systemClock.monotonicMs();
      return waitUntil('a third of the lease is over', () => systemClock.monotonicMs() > beganAtMs + leaseMs / 2);
    };
    const openStrictPool = (level: string): Pool =>
      new Pool({
        connectionString: stage.events.applicationUrl,
        options: `-c default_transaction_isolation=${level.replace(' ', String.raw`\ `)}`,
      });
    const slow = async (tx: TransactionLike, note: string): Promise<void> => {
      await insertOrder(tx, note);
      await outlastRenewal();
    };

    for (const isolationLevel of ['repeatable read', 'serializable'] as const) {
      it(`commit an operation that lasts while its lease is renewed (${isolationLevel})`, async () => {
        let runs = 0;
        const place = stage.open({ leaseMs, isolationLevel }).handler(
          orderOperation(async (tx, context) => {
            runs += 1;
            await slow(tx, context.input.note);
            return placeOrder(tx, context);
          }),
        );
        const answer = await send(place, { key: '"a"' });
        assert.equal(answer.status, 201, answer.text);
        assert.equal(runs, 1);
        assert.equal(await stage.countOrders(), 2);
      });

      it(`run an operation once more where only the session says so (${isolationLevel})`, async () => {
        const pool = openStrictPool(isolationLevel);
        const failures: unknown[] = [];
        const idempotency = createIdempotency(pool, {
          principal: () => 'ann',
          onFailure: (error) => failures.push(error),
          leaseMs,
        });
        try {
          const place = idempotency.handler(
            orderOperation(async (tx, context) => {
              await slow(tx, context.input.note);
              return placeOrder(tx, context);
            }),
          );
          const answer = await send(place, { key: '"a"' });
          assert.equal(answer.status, 201, inspect(failures));
          assert.equal(await stage.countOrders(), 2);
        } finally {
          await pool.end();
        }
      });

      it(`answer requests that come at once with one effect where the session says so (${isolationLevel})`, async () => {
        const pool = openStrictPool(isolationLevel);
        const failures: unknown[] = [];
        const idempotency = createIdempotency(pool, {
          principal: () => 'ann',
          onFailure: (error) => failures.push(error),
          leaseMs,
        });
        try {
          const place = idempotency.handler(orderOperation());
          for (let round = 0; round < 10; round += 1) {
            await stage.clear();
            const answers = await Promise.all(Array.from({ length: 6 }, () => send(place, { key: `"${round}"` })));
            for (const answer of answers) assert.equal(answer.status, 201, inspect({ answer, failures }));
            assert.equal(await stage.countOrders(), 1);
          }
        } finally {
          await pool.end();
        }
      });

      it(`commit a phase that lasts while its lease is renewed (${isolationLevel})`, async () => {
        let runs = 0;
        const operation: PhasedOperation<TransactionLike, OrderInput> = {
          name: 'orders.slow',
          safety: 'keyed',
          parse: parseOrder,
          async phases(run) {
            await run.phase('place', async (tx) => {
              runs += 1;
              await slow(tx, run.input.note);
            });
            return new Response(null, { status: 204 });
          },
        };
        const answer = await send(stage.open({ leaseMs, isolationLevel }).handler(operation), { key: '"a"' });
        assert.equal(answer.status, 204, answer.text);
        assert.equal(runs, 1);
      });
    }
  });
}
