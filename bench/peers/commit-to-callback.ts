/**
 * The least that a reader of the slot can take: a bare reader that reads at once, finds the row's id and calls a function.
 * No journal, no checkpoint, no order to keep, nothing that would survive a crash. Another thread commits in an open loop.
 *
 *   node bench/peers/commit-to-callback.ts URL TABLE RATE SECONDS
 */
import pg from 'pg';

import { machineMs } from '../measure/machine-ms.ts';
import { OpenLoop } from '../workload/open-loop.ts';
import { readSlot } from './slot-reader.ts';

const [url = '', table = '', rate = '0', duration = '0'] = process.argv.slice(2);
const loop = new OpenLoop({ url, table, ratePerSecond: Number(rate), seconds: Number(duration) });
const called = loop.createTimes();
let lastEnd = 0n;
let inserted: number[] = [];

const client = new pg.Client({ connectionString: url });
await client.connect();
await client.query(`create publication ${table} for table ${table}`);
await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [table]);
await client.end();

await readSlot({
  url,
  slot: table,
  publication: table,
  pauseMs: 0,
  acknowledgedLsn: () => lastEnd,
  message(buffer, offset) {
    const tag = buffer[offset];
    if (tag === 0x49) inserted.push(readId(buffer, offset));
    if (tag !== 0x43) return;
    lastEnd = buffer.readBigUInt64BE(offset + 10);
    for (const id of inserted) call(id);
    inserted = [];
  },
  readEnded() {},
});
await loop.commitAll();
await loop.waitForArrivals('callback', called);
process.stdout.write(`${JSON.stringify({ handler: loop.latencies(called), commit: loop.commitLatencies() })}\n`);
process.exit(0);

/** Insert: Byte1('I') Int32(relation) Byte1('N') Int16(columns), then of the first column Byte1('t') Int32(length) text. */
function readId(buffer: Buffer, offset: number): number {
  const length = buffer.readUInt32BE(offset + 9);
  return Number(buffer.toString('latin1', offset + 13, offset + 13 + length));
}

function call(id: number): void {
  called[id] = machineMs();
}
