import pg from 'pg';
import { startScratchPostgres } from '../scripts/services/postgres.ts';
import { applyMigrations } from '../src/postgres/database-objects.ts';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { program, runSubject, type Subject } from './measure/run-subject.ts';
import { alternate, type CaseSummary, describeRun, type Run, summarizeCase } from './measure/summary.ts';

const messageCount = 20_000;
/** Messages at a time, and whether the handler replies. */
const cases = [
  { name: 'one at a time', width: 1, reply: 'none' },
  { name: '16 at a time', width: 16, reply: 'none' },
  { name: '16 at a time, with a reply', width: 16, reply: 'reply' },
] as const;

/** First deliveries taken by an inbox, beside the inbox that one writes by hand. */
export const inboxBenchmark: Benchmark = {
  name: 'inbox',
  summary: 'messages taken by `inbox`, beside a hand-written `insert … on conflict` inbox',
  async run(context) {
    await using server = await startScratchPostgres({ major: 18, signal: context.signal });
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      await applyMigrations(async (text) => (await client.query<Readonly<Record<string, unknown>>>(text)).rows);
      await client.query('create table effects (order_id text not null, note text not null)');
      await client.query(
        'create table received (id text primary key, at timestamptz not null default now(), reply json)',
      );
      const results: CaseSummary[] = [];
      for (const each of cases) results.push(await runCase(context, { ...each, url: server.url, client }));
      return { cases: results };
    } finally {
      await client.end();
    }
  },
};

interface CaseOptions {
  readonly name: string;
  readonly width: number;
  readonly reply: string;
  readonly url: string;
  readonly client: pg.Client;
}

async function runCase(
  context: BenchmarkContext,
  { client, name, reply, url, width }: CaseOptions,
): Promise<CaseSummary> {
  const { rounds, scale, signal } = context;
  const rows = Math.max(width, Math.round(messageCount * scale));
  const run = async (subject: Subject): Promise<Run> => {
    await client.query('truncate effects, received, headwater.inbox');
    await client.query('checkpoint');
    return runSubject(subject, { rows, signal });
  };
  const words = [url, rows, width, reply];
  const runs = await alternate(
    rounds,
    {
      ours: () => run(program('subjects/inbox-receive.ts', words)),
      peer: () => run(program('peers/inbox-by-hand.ts', words)),
    },
    (side, index, result) => context.note(`${name} round ${index + 1} ${side}: ${describeRun(result)}`),
  );
  return summarizeCase(name, runs.ours, runs.peer);
}
