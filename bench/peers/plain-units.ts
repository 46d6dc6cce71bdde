/**
 * The peer of the benchmark of units of work: BEGIN, the same inserts, with the event as a logical message of about its size, COMMIT. No
 * outcome is verified, no token is read, nothing is run again.
 *
 *   node bench/peers/plain-units.ts URL UNITS WRITERS event|no-event
 */
import pg from 'pg';

import { runUnits, writeOrder } from '../workload/order-unit.ts';

const [url = '', units = '0', writers = '1', mode = 'event'] = process.argv.slice(2);
const counts = { count: Number(units), writers: Number(writers) };
const envelope = Buffer.alloc(200, 'x');
const pool = new pg.Pool({ connectionString: url, max: counts.writers });
let done = 0;
const startedAt = performance.now();
await runUnits(counts, async (id) => {
  const client = await pool.connect();
  await client.query('begin');
  await writeOrder(client, id);
  if (mode === 'event') {
    await client.query('select pg_logical_emit_message(true, $1::text, $2::bytea)', ['bench', envelope]);
  }
  await client.query('commit');
  client.release();
  done += 1;
});
const seconds = (performance.now() - startedAt) / 1000;
await pool.end();
process.stdout.write(`${JSON.stringify({ rows: done, seconds })}\n`);
