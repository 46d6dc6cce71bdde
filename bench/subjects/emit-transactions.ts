/**
 * Both sides of the benchmark of emit: transactions with one row and one event through a client library.
 *
 *   node bench/subjects/emit-transactions.ts KIND SIDE URL ROWS
 */
import { randomUUID } from 'node:crypto';

import { createEmitter } from '../../src/application/emit/emit.ts';
import type { EventSchema } from '../../src/application/emit/event-schema.ts';
import { defineEvents } from '../../src/application/emit/events.ts';
import { emitKinds, emitSides } from '../workload/emit-kinds.ts';
import { emitLibraries } from '../workload/emit-libraries.ts';

interface OrderPlaced {
  readonly orderId: string;
  readonly note: string;
}

const [kindWord = '', sideWord = '', url = '', rowsWord = ''] = process.argv.slice(2);
const kind = emitKinds.find((candidate) => candidate === kindWord);
const side = emitSides.find((candidate) => candidate === sideWord);
if (kind === undefined || side === undefined) throw new Error(`no case ${kindWord} ${sideWord}`);
const rows = Number(rowsWord);
const writers = 4;
const warmUp = 200;

const schema: EventSchema<OrderPlaced> = {
  '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value: value as OrderPlaced }) },
};
const events = defineEvents({ 'order.placed': schema });
const emit = createEmitter({ mode: side === 'message' ? 'message' : 'outbox' });
const note = 'n'.repeat(180);
const library = await emitLibraries[kind](url, writers);

await placeOrders(warmUp, 'warm');
const startedAt = performance.now();
await placeOrders(rows, 'order');
const seconds = (performance.now() - startedAt) / 1000;
await library.close();
process.stdout.write(`${JSON.stringify({ rows, seconds })}\n`);

/** By several writers at once, each on a connection of its own. */
async function placeOrders(count: number, prefix: string): Promise<void> {
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await placeOrder(`${prefix}-${next}`);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
}

function placeOrder(orderId: string): Promise<unknown> {
  return library.run(async (tx, execute) => {
    await execute('insert into public.orders (id) values ($1)', [orderId]);
    if (side === 'hand') {
      await execute(
        'insert into public.outbox (id, event_type, aggregate_id, payload) values ($1::text::uuid, $2, $3, $4::text::jsonb)',
        [randomUUID(), 'order.placed', orderId, JSON.stringify({ orderId, note })],
      );
    } else {
      await emit(tx, events['order.placed'], { orderId, note }, { key: orderId });
    }
  });
}
