/**
 * Our side of the benchmark of units of work: `transact` with two inserts, with or without an event, token included.
 *
 *   node bench/subjects/transact-units.ts URL UNITS WRITERS event|no-event
 */
import pg from 'pg';

import { defineEvents, transact } from '../../src/index.ts';
import { runUnits, writeOrder } from '../workload/order-unit.ts';

const [url = '', units = '0', writers = '1', mode = 'event'] = process.argv.slice(2);
const counts = { count: Number(units), writers: Number(writers) };
const orderPlaced = defineEvents({
  'order.placed': {
    schema: { '~standard': { version: 1, vendor: 'bench', validate: (value: unknown) => ({ value }) } },
  },
})['order.placed'];
const pool = new pg.Pool({ connectionString: url, max: counts.writers });
let tokens = 0;
const startedAt = performance.now();
await runUnits(counts, async (id) => {
  const { token } = await transact(pool, async (tx, { emit }) => {
    await writeOrder(tx, id);
    if (mode === 'event') await emit(orderPlaced, { id }, { key: id });
  });
  tokens += token.length > 0 ? 1 : 0;
});
const seconds = (performance.now() - startedAt) / 1000;
await pool.end();
process.stdout.write(`${JSON.stringify({ rows: tokens, seconds })}\n`);
