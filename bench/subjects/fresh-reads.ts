/**
 * Reads behind version tokens: Headwater inside an application with a handler lane and a view. A loop writes one row after the other by
 * `transact` and waits each time until the lane and the view show it; first while another thread commits in an open loop, then alone.
 *
 *   node bench/subjects/fresh-reads.ts URL TABLE RATE SECONDS DIRECTORY
 */
import pg from 'pg';

import { handlerSink } from '../../src/handler.ts';
import { transact } from '../../src/index.ts';
import { startHeadwater } from '../../src/service.ts';
import { defineView, viewTable } from '../../src/view.ts';
import { benchLogger } from '../measure/bench-logger.ts';
import { summarizeLatencies } from '../measure/percentiles.ts';
import { OpenLoop } from '../workload/open-loop.ts';

const [url = '', table = '', rate = '0', duration = '0', directory = ''] = process.argv.slice(2);
const idleReads = 200;

await using view = defineView({
  name: 'fresh',
  tables: { rows: viewTable({ source: `public.${table}`, columns: ['id'] }) },
});
await using headwater = await startHeadwater({
  source: { url, slot: table, publication: table, tables: [`public.${table}`] },
  journal: { directory },
  lanes: {
    handler: { sink: handlerSink({ name: 'fresh', handleChange() {} }) },
    view: { sink: view.sink },
  },
  http: false,
  logger: benchLogger('service.started', () => {}),
});
await view.ready();
const pool = new pg.Pool({ connectionString: url, max: 1 });
/** Behind every id of the open loop. */
let nextId = 1_000_000_000;

interface Waits {
  readonly lane: number[];
  readonly view: number[];
}

async function writeAndWait(waits: Waits): Promise<void> {
  nextId += 1;
  const id = nextId;
  const { token } = await transact(pool, (tx) => tx.query(`insert into ${table} values ($1, 'own')`, [id]));
  const startedAt = performance.now();
  const measure = async (wait: Promise<unknown>, times: number[]): Promise<void> => {
    await wait;
    times.push(performance.now() - startedAt);
  };
  await Promise.all([
    measure(headwater.readyFor('handler', token, { timeoutMs: 30_000 }), waits.lane),
    measure(view.readyFor(token, { timeoutMs: 30_000 }), waits.view),
  ]);
  if (!view.read(({ rows }) => rows.has(String(id)), { allow: 'partial' }).value) throw new Error('a stale read');
}

const loaded: Waits = { lane: [], view: [] };
const idle: Waits = { lane: [], view: [] };
const loop = new OpenLoop({ url, table, ratePerSecond: Number(rate), seconds: Number(duration) });
const ended = new AbortController();
const committing = loop.commitAll().finally(() => ended.abort());
while (!ended.signal.aborted) await writeAndWait(loaded);
await committing;
for (let read = 0; read < idleReads; read += 1) await writeAndWait(idle);
await pool.end();
await headwater.stop();
const summarize = (waits: Waits): object => ({
  lane: summarizeLatencies(waits.lane),
  view: summarizeLatencies(waits.view),
  reads: waits.lane.length,
});
process.stdout.write(
  `${JSON.stringify({ loaded: summarize(loaded), idle: summarize(idle), commit: loop.commitLatencies() })}\n`,
);
