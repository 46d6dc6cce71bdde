import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { sqlStateOf } from '../../postgres/sql-state.ts';
import type { TransactionLike } from '../../postgres/transaction-handle.ts';
import { createEmitter, type EmitMode } from './emit.ts';
import { defineEvents } from './events.ts';
import { createEventDatabase, type EventDatabase } from '../testing/event-database.ts';
import { lateEventCode, type TransactionDriver, type TransactionEnding } from '../testing/transaction-driver.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';

const events = defineEvents({
  'order.placed': z.object({ orderId: z.string() }),
  'photo.taken': { schema: z.instanceof(Uint8Array), contentType: 'image/png', schemaVersion: 3 },
});
/** What a JavaScript caller gets for a name that is not in the catalogue. */
const unknownEvent = Reflect.get(events, 'order.lost') as (typeof events)['order.placed'];
const payload = { orderId: 'secret-order' };

for (const major of [15, 18] as const) {
  const skip = await skipReason(`postgres${major}`);
  describe(`emit on PostgreSQL ${major}, as the application role`, { skip }, () => {
    let stage: EventDatabase;
    before(async () => {
      stage = await createEventDatabase(major);
    });
    after(() => stage[Symbol.asyncDispose]());

    for (const [name, library] of Object.entries(drivenLibraries)) {
      for (const mode of ['message', 'outbox'] as const) {
        describe(`${name}, mode ${mode}`, () => {
          const emit = createEmitter({ mode });
          let driver: TransactionDriver;
          before(async () => {
            driver = await library.open({ url: stage.applicationUrl });
          });
          after(() => driver[Symbol.asyncDispose]());

          const runAndEmit = (ending: TransactionEnding, key = 'order-1'): Promise<TransactionLike> =>
            driver.run(async (tx, query) => {
              await query(`insert into public.orders select gen_random_uuid()::text`);
              await emit(tx, events['order.placed'], payload, { key });
            }, ending);

          it('writes the event if the transaction commits', async () => {
            await runAndEmit('commit');
            const [event, ...others] = await stage.readEvents();
            assert.deepEqual(others, []);
            assert.deepEqual(
              { ...event, id: '', occurredAt: 0, payload: new TextDecoder().decode(event?.payload) },
              {
                id: '',
                type: 'order.placed',
                schemaVersion: 1,
                key: 'order-1',
                source: 'main',
                occurredAt: 0,
                contentType: 'application/json',
                payload: '{"orderId":"secret-order"}',
                headers: {},
                origin: mode,
              },
            );
          });

          it('writes nothing if the transaction rolls back', async () => {
            await runAndEmit('rollback');
            assert.deepEqual(await stage.readEvents(), []);
          });

          it('carries every field and every byte', async () => {
            const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
            const options = {
              key: 'photo-🌍',
              keyVersion: '9',
              tenant: 'north',
              headers: { 'X-Region': 'eu', quote: `'"\\\n` },
              correlationId: 'c',
              causationId: 'd',
              traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
              id: '0192f7c0-0000-7000-8000-000000000001',
            };
            await driver.run(async (tx) => {
              assert.deepEqual(await emit(tx, events['photo.taken'], bytes, options), { id: options.id });
            }, 'commit');
            const [event] = await stage.readEvents();
            assert.deepEqual(
              { ...event, occurredAt: 0, payload: Buffer.from(event?.payload ?? []) },
              {
                ...options,
                type: 'photo.taken',
                schemaVersion: 3,
                source: 'main',
                occurredAt: 0,
                contentType: 'image/png',
                payload: Buffer.from(bytes),
                origin: mode,
              },
            );
          });

          it('needs no other write in the transaction', async () => {
            await driver.run(async (tx) => {
              await emit(tx, events['order.placed'], payload, { key: 'first' });
              await emit(tx, events['order.placed'], payload, { key: 'second' });
            }, 'commit');
            assert.deepEqual(await keys(stage), ['first', 'second']);
          });

          it('writes all of many events that were begun at once', async () => {
            const wanted = Array.from({ length: 20 }, (_, index) => `key-${String(index).padStart(2, '0')}`);
            await driver.run(async (tx) => {
              await Promise.all(wanted.map((key) => emit(tx, events['order.placed'], payload, { key })));
            }, 'commit');
            assert.deepEqual((await keys(stage)).toSorted(), wanted);
          });

          it('takes one statement, and two only where the client cannot tell and the event comes first', async () => {
            const counts: number[] = [];
            await driver.run(async (tx, query) => {
              driver.countStatements();
              await emit(tx, events['order.placed'], payload, { key: null });
              counts.push(driver.countStatements());
              await query(`insert into public.orders select gen_random_uuid()::text`);
              driver.countStatements();
              await emit(tx, events['order.placed'], payload, { key: null });
              counts.push(driver.countStatements());
            }, 'rollback');
            assert.deepEqual(counts, library.knows.isOpen ? [1, 1] : [2, 1]);
          });

          it('takes the event back with the savepoint it was written in', async () => {
            await driver.run(async (tx) => {
              await emit(tx, events['order.placed'], payload, { key: 'before' });
              await driver.rollBackSavepoint(tx, async (inner) => {
                await emit(inner, events['order.placed'], payload, { key: 'inside' });
              });
              await emit(tx, events['order.placed'], payload, { key: 'after' });
            }, 'commit');
            assert.deepEqual(await keys(stage), ['before', 'after']);
          });

          it('refuses a pool or root object and writes nothing', async () => {
            await assertRefused(
              emit(driver.root as TransactionLike, events['order.placed'], payload, { key: null }),
              'HW-EMIT-001',
            );
            assert.deepEqual(await stage.readEvents(), []);
          });

          const { autocommitCode } = library;
          if (autocommitCode !== undefined) {
            it('refuses a connection in autocommit and writes nothing', async () => {
              assert.ok(driver.autocommit !== undefined);
              driver.countStatements();
              await driver.autocommit((connection) =>
                assertRefused(
                  emit(connection as TransactionLike, events['order.placed'], payload, { key: null }),
                  autocommitCode,
                ),
              );
              // Only postgres.js has to ask the server.
              assert.equal(driver.countStatements() > 0, name === 'postgres.js');
              assert.deepEqual(await stage.readEvents(), []);
            });
          }

          for (const ending of ['commit', 'rollback'] as const) {
            it(`refuses an event after the ${ending} of a transaction with events, and writes nothing`, async () => {
              const ended = await runAndEmit(ending);
              await stage.readEvents();
              const expected = lateEventCode(library.knows, ending, true);
              await assertRefused(emit(ended, events['order.placed'], payload, { key: 'late' }), expected);
              assert.deepEqual(await stage.readEvents(), []);
            });

            it(`refuses the first event after the ${ending} of a transaction, and writes nothing`, async () => {
              const ended = await driver.run(async (_, query) => void (await query('select 1')), ending);
              const expected = lateEventCode(library.knows, ending, false);
              const freshEmit = createEmitter({ mode });
              await assertRefused(freshEmit(ended, events['order.placed'], payload, { key: 'late' }), expected);
              assert.deepEqual(await stage.readEvents(), []);
            });
          }

          it('names a transaction that has failed', async () => {
            await assert.rejects(
              driver.run(async (tx, query) => {
                await assert.rejects(query('select 1 / 0'));
                await assertRefused(emit(tx, events['order.placed'], payload, { key: null }), 'HW-EMIT-005');
                throw new Error('given up');
              }, 'commit'),
              /given up/,
            );
            assert.deepEqual(await stage.readEvents(), []);
          });

          it('refuses what is wrong with an event before any statement, and leaves the transaction whole', async () => {
            const small = createEmitter({ mode, payloadBytesMax: 10 });
            await driver.run(async (tx) => {
              driver.countStatements();
              const emitted = [
                [emit(tx, unknownEvent, payload, { key: null }), 'HW-EMIT-007'],
                [emit(tx, { ...events['order.placed'] }, payload, { key: null }), 'HW-EMIT-007'],
                [emit(tx, events['order.placed'], { orderId: 1 } as never, { key: null }), 'HW-EMIT-008'],
                [small(tx, events['order.placed'], payload, { key: null }), 'HW-EMIT-010'],
                [emit(tx, events['order.placed'], payload, { key: '' }), 'HW-EMIT-011'],
                [emit({} as TransactionLike, events['order.placed'], payload, { key: null }), 'HW-EMIT-006'],
              ] as const;
              for (const [refused, code] of emitted) await assertRefused(refused, code);
              assert.equal(driver.countStatements(), 0);
              await emit(tx, events['order.placed'], payload, { key: 'right' });
            }, 'commit');
            assert.deepEqual(await keys(stage), ['right']);
          });
        });
      }

      it(`${name}: shows no payload in the error of a database that refuses an event`, async () => {
        await using driver = await library.open({ url: stage.applicationUrl });
        const emit = createEmitter({ mode: 'outbox' });
        const options = { key: 'secret-key', id: '0192f7c0-0000-7000-8000-00000000000a' };
        await assert.rejects(
          driver.run(async (tx) => {
            await emit(tx, events['order.placed'], payload, options);
            await assert.rejects(emit(tx, events['order.placed'], payload, options), (error) => {
              assert.equal(sqlStateOf(error), '23505');
              assertHidden(error);
              return true;
            });
            throw new Error('given up');
          }, 'commit'),
          /given up/,
        );
      });
    }

    it('names a missing outbox and missing rights, in either mode', async () => {
      await using driver = await drivenLibraries['pg']?.open({ url: stage.applicationUrl });
      assert.ok(driver !== undefined);
      const refuse = async (options: { mode: EmitMode; schemaName?: string }, code: string): Promise<void> => {
        await driver.run(async (tx) => {
          await assertRefused(createEmitter(options)(tx, events['order.placed'], payload, { key: null }), code);
        }, 'rollback');
      };
      const [{ role } = { role: '' }] = await stage.database.query<{ role: string }>(
        `select rolname as role from pg_roles where rolname = $1`,
        [`${stage.database.name}_application`],
      );
      await refuse({ mode: 'outbox', schemaName: 'elsewhere' }, 'HW-EMIT-012');
      await driver.run(async (tx, query) => {
        await query('set transaction read only');
        await assertRefused(
          createEmitter({ mode: 'outbox' })(tx, events['order.placed'], payload, { key: null }),
          'HW-EMIT-015',
        );
      }, 'rollback');
      await stage.database.query(`revoke insert on headwater.outbox from ${role}`);
      await stage.database.query(`revoke execute on all functions in schema pg_catalog from ${role}`);
      try {
        await refuse({ mode: 'outbox' }, 'HW-EMIT-013');
        await refuse({ mode: 'message' }, 'HW-EMIT-013');
      } finally {
        await stage.database.query(`grant insert on headwater.outbox to ${role}`);
        await stage.database.query(`grant execute on all functions in schema pg_catalog to ${role}`);
      }
    });
  });
}

async function keys(stage: EventDatabase): Promise<(string | null)[]> {
  return (await stage.readEvents()).map((event) => event.key);
}

async function assertRefused(emitted: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(emitted, (error) => {
    assert.ok(error instanceof HeadwaterError, inspect(error));
    assert.equal(error.code, code, error.message);
    assertHidden(error);
    return true;
  });
}

/** Neither as a text, nor as the bytes that were sent. */
function assertHidden(error: unknown): void {
  const shown = inspect(error, { depth: 9, maxArrayLength: null, maxStringLength: null }).replaceAll(/\s+/g, ' ');
  const bytes = [...Buffer.from('secret-order')];
  const forms = ['secret-order', bytes.join(', '), bytes.map((byte) => byte.toString(16)).join(' ')];
  for (const form of forms) assert.ok(!shown.includes(form), shown);
}
