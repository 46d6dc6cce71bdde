import pg from 'pg';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { program, runSubject, type Subject } from './measure/run-subject.ts';
import { alternate, type CaseSummary, describeRun, type Run, summarizeCase } from './measure/summary.ts';
import { orderTables } from './workload/order-unit.ts';

/** How many loops write at once. */
const writerCounts = [1, 8] as const;
const unitsPerWriter = 2000;

/** Units of work with their token, beside BEGIN … COMMIT with the same statements. */
export const transactBenchmark: Benchmark = {
  name: 'transact',
  summary: 'transact with two inserts, with and without an event, beside plain BEGIN … COMMIT with the same statements',
  async run(context) {
    await using server = await startScratchPostgres({ major: 18, signal: context.signal });
    const cases: CaseSummary[] = [];
    for (const mode of ['event', 'no-event'] as const) {
      for (const writers of writerCounts) cases.push(await runCase(context, { url: server.url, mode, writers }));
    }
    return { cases };
  },
};

interface CaseOptions {
  readonly url: string;
  readonly mode: 'event' | 'no-event';
  readonly writers: number;
}

async function runCase(context: BenchmarkContext, { mode, url, writers }: CaseOptions): Promise<CaseSummary> {
  const { signal } = context;
  const units = Math.max(1, Math.round(unitsPerWriter * writers * context.scale));
  const name = `${mode}, ${writers} writers`;
  const run = async (subject: Subject): Promise<Run> => {
    await prepareTables(url);
    return await runSubject(subject, { rows: units, signal });
  };
  const args = [url, units, writers, mode] as const;
  const runs = await alternate(
    context.rounds,
    {
      ours: () => run(program('subjects/transact-units.ts', args)),
      peer: () => run(program('peers/plain-units.ts', args)),
    },
    (side, _, made) => context.note(`${name}: ${side} ${describeRun(made)}`),
  );
  return summarizeCase(name, runs.ours, runs.peer);
}

async function prepareTables(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of orderTables) await client.query(statement);
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}
