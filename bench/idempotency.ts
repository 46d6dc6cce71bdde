import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import { applyMigrations } from '../src/postgres/database-objects.ts';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { program, runSubject, type Subject } from './measure/run-subject.ts';
import { alternate, compareRuns, describeRun, type Run, summarizeCase } from './measure/summary.ts';
import type { EdgeKind } from './workload/edge-kinds.ts';

const requests = 20_000;

/**
 * Requests over loopback to one handler that inserts a row in a transaction: with keys, without them, and behind a middleware that keeps
 * its answers in memory, which a restart forgets and another process does not know.
 */
export const idempotencyBenchmark: Benchmark = {
  name: 'idempotency',
  summary: 'requests with an Idempotency-Key, beside the same handler without one and behind an npm middleware',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({ major: 18, signal: context.signal });
      await prepare(server.url);
      const runs = await alternate(
        context.rounds,
        {
          ours: () => run(context, server.url, 'keyed'),
          peer: () => run(context, server.url, 'plain'),
          middleware: () => run(context, server.url, 'middleware'),
        },
        (side, index, result) => context.note(`round ${index + 1} ${side}: ${describeRun(result)}`),
      );
      const summary = summarizeCase('first requests', runs.ours, runs.peer);
      return { cases: [{ ...summary, others: { middleware: compareRuns(runs.ours, runs.middleware).ratio } }] };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

function run(context: BenchmarkContext, url: string, kind: EdgeKind): Promise<Run> {
  const count = Math.max(1, Math.round(requests * context.scale));
  const subject: Subject = program('subjects/idempotent-edge.ts', [url, kind, count]);
  return runSubject(subject, { rows: count, signal: context.signal });
}

async function prepare(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await applyMigrations(async (text) => (await client.query(text)).rows as Record<string, unknown>[]);
    await client.query('create table orders (id bigserial primary key, note text not null)');
  } finally {
    await client.end();
  }
}
