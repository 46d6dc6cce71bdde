import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { Kysely } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { effect } from '../effect/effect.ts';
import { inbox } from './inbox.ts';

/*
 * What the compiler refuses before anything runs. A line below `@ts-expect-error` that compiles is an error of the type check,
 * so these are tests, although their functions are never called.
 */
interface Tables {
  readonly orders: { readonly id: string };
}

const payload = z.object({ orderId: z.string() });

interface Roots {
  readonly pool: Pool;
  readonly drizzleDb: NodePgDatabase;
  readonly kysely: Kysely<Tables>;
}

export function givesTheLibrarysOwnTransaction({ pool, drizzleDb, kysely }: Roots): void {
  const options = { payload, redeliveryMaxMs: 1 };
  inbox('a', { ...options, db: pool }, async (tx, message) => {
    const client: PoolClient = tx;
    await client.query('select $1', [message.payload.orderId]);
  });
  inbox('a', { ...options, db: drizzleDb }, async (tx) => {
    await tx.execute('select 1');
    tx.rollback();
  });
  inbox('a', { ...options, db: kysely }, async (tx) => {
    await tx.selectFrom('orders').select('id').execute();
    const isTransaction: true = tx.isTransaction;
    return { isTransaction };
  });
}

export async function typesRepliesAndEffects({ pool }: Roots): Promise<void> {
  const charge = effect('charge', { kind: 'keyed', call: async (amount: number, { key }) => `${key}/${amount}` });
  const mail = effect('mail', { kind: 'guarded', call: async (_to: string) => 'sent' });
  const billing = inbox(
    'billing',
    {
      db: pool,
      payload,
      redeliveryMaxMs: 1,
      prepare: async (message, run) => ({
        receipt: await run(charge, message.payload.orderId.length),
        mail: await run(mail, 'somebody'),
      }),
    },
    (_tx, _message, { mail, receipt }) => {
      // @ts-expect-error -- a guarded effect may be unknown
      void mail.result;
      return { receipt: receipt.toUpperCase(), isKnown: mail.kind === 'done' };
    },
  );
  const result = await billing.receive({ id: '1', sender: 'shop', body: {} });
  if (result.kind === 'done') result.reply.isKnown satisfies boolean;
  // @ts-expect-error -- a duplicate from before the reply was kept has none
  if (result.kind === 'duplicate') result.reply.isKnown satisfies boolean;
  // @ts-expect-error -- the sender is the scope of the id
  await billing.receive({ id: '1', body: {} });
  // @ts-expect-error -- how long messages can come again is not guessed
  inbox('billing', { db: pool, payload }, () => undefined);
  // @ts-expect-error -- without check it is no checked effect
  effect('pay', { kind: 'checked', call: async () => 1 });
}

it('an inbox gives the transaction of the library, and types reply and effects', () => {
  assert.equal(typeof givesTheLibrarysOwnTransaction, 'function');
  assert.equal(typeof typesRepliesAndEffects, 'function');
});
