import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { z } from 'zod';

import { skipReason } from '../../scripts/services/testing.ts';
import { defineEvents } from './events.ts';
import { runIn } from './testing/database-roots.ts';
import { createEventDatabase, type EventDatabase } from './testing/event-database.ts';
import type { TransactionDriver } from './testing/transaction-driver.ts';
import { drivenLibraries } from './testing/transaction-drivers.ts';
import { createTransactor } from './transact.ts';

const events = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) });
const skip = await skipReason('postgres18');

describe('transact with each library', { skip }, () => {
  let stage: EventDatabase;
  before(async () => {
    stage = await createEventDatabase(18);
  });
  after(() => stage[Symbol.asyncDispose]());

  for (const [name, library] of Object.entries(drivenLibraries)) {
    describe(name, () => {
      let driver: TransactionDriver;
      let root: object;
      before(async () => {
        driver = await library.open({ url: stage.applicationUrl });
        assert.ok(typeof driver.root === 'object' || typeof driver.root === 'function');
        root = driver.root as object;
      });
      after(() => driver[Symbol.asyncDispose]());

      for (const mode of ['message', 'outbox'] as const) {
        it(`writes gathered events with all their fields (${mode})`, async () => {
          const transact = createTransactor({ mode });
          await stage.readEvents();
          const options = { key: "k'1", keyVersion: '7', tenant: 't', correlationId: 'c', causationId: 'd' };
          const headers = [{ note: String.raw`a "quoted" ? $1 \ text` }, {}];
          const receipt = await transact(root, async (tx, unit) => {
            await runIn(tx, 'insert into public.orders values ($1)', [`${name} ${mode}`]);
            for (const given of headers) {
              await unit.emit(events['order.placed'], { orderId: 'x' }, { ...options, headers: given });
            }
          });
          const found = await stage.readEvents();
          assert.deepEqual(
            found.map(({ id }) => ({ id })),
            receipt.events,
          );
          assert.deepEqual(
            found.map((event) => event.headers),
            headers,
          );
          for (const { key, keyVersion, tenant, correlationId, causationId } of found) {
            assert.deepEqual({ key, keyVersion, tenant, correlationId, causationId }, options);
          }
        });
      }
    });
  }
});
