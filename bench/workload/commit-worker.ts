/** The thread that commits in an open loop; see `open-loop.ts`. */
import { workerData } from 'node:worker_threads';

import pg from 'pg';

import { machineMs } from '../measure/machine-ms.ts';
import type { OpenLoopInput } from './open-loop.ts';

const connectionCount = 16;
const tickMs = 1;

const { url, table, ratePerSecond, count, due, committed } = workerData as OpenLoopInput;
const insert = { name: 'insert', text: `insert into ${table} (id, note) values ($1, $2)` };
const note = 'x'.repeat(100);

const clients = Array.from({ length: connectionCount }, () => new pg.Client({ connectionString: url }));
await Promise.all(clients.map((client) => client.connect()));
const idle = [...clients];
const waiting: number[] = [];
const finished = Promise.withResolvers<void>();
let returnedCount = 0;
let nextNumber = 0;

const startMs = machineMs() + 100;
for (let number = 0; number < count; number += 1) due[number] = startMs + (number * 1000) / ratePerSecond;
const ticking = setInterval(commitDue, tickMs);
await finished.promise;
clearInterval(ticking);
await Promise.all(clients.map((client) => client.end()));

function commitDue(): void {
  const nowMs = machineMs();
  for (; nextNumber < count && (due[nextNumber] ?? Number.POSITIVE_INFINITY) <= nowMs; nextNumber += 1) {
    waiting.push(nextNumber);
  }
  commitWaiting();
}

function commitWaiting(): void {
  while (idle.length > 0) {
    const number = waiting.shift();
    if (number === undefined) return;
    const client = idle.pop();
    if (client !== undefined) void commit(client, number);
  }
}

/** One row, one transaction: the statement returns when its commit has. */
async function commit(client: pg.Client, number: number): Promise<void> {
  try {
    await client.query({ ...insert, values: [number, note] });
    committed[number] = machineMs();
  } catch (thrown) {
    finished.reject(thrown);
    return;
  }
  returnedCount += 1;
  if (returnedCount === count) finished.resolve();
  idle.push(client);
  commitWaiting();
}
