import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import pg from 'pg';

import { startScratchKafka } from '../scripts/services/kafka.ts';
import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { ProcessTreeMeter } from './measure/process-tree.ts';
import { program, startProgram } from './measure/run-subject.ts';
import { round } from './measure/summary.ts';
import { openBenchTopics } from './workload/bench-topics.ts';

const defaultSeconds = 60;
/** The default of `source.canaryIntervalMs`. */
const canaryIntervalMs = 10_000;
const rowCount = 100;
const table = 'quiet';
const password = 'bench';

/** What Headwater costs while nobody writes. There is no peer: nothing does the same by doing nothing. */
export const idleBenchmark: Benchmark = {
  name: 'idle',
  summary: 'memory, statements and wake-ups of a Headwater with three lanes while nobody writes',
  async run(context) {
    const { signal } = context;
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({
        major: 18,
        signal,
        settings: { shared_preload_libraries: 'pg_stat_statements' },
      });
      await using broker = await startScratchKafka({ signal });
      await using topics = await openBenchTopics(broker.brokers);
      await topics.create(table);
      await using client = await openClient(server.url);
      await prepareDatabase(client);
      const [url, targetUrl] = ['postgres', 'target'].map((database) => addressOf(server.url, database));
      const places = [join(scratch, 'journal'), broker.brokers.join(','), table, targetUrl ?? ''];
      const subject = program('subjects/idle-service.ts', [url ?? '', table, rowCount, ...places]);
      const child = startProgram(subject, signal);
      try {
        return await measure(context, client, child);
      } finally {
        child.kill('SIGTERM');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function measure(context: BenchmarkContext, client: Client, child: ChildProcess): Promise<BenchmarkOutcome> {
  await until(child, 'ready');
  await client.query(`insert into ${table} select n, md5(n::text) from generate_series(1, ${rowCount}) n`);
  await until(child, 'idle');
  // From the middle between two canaries to the middle between two others, so that whole intervals are counted.
  await untilNextStatement(client, context.signal);
  await setTimeout(canaryIntervalMs / 2, undefined, { signal: context.signal });
  const seconds = context.seconds ?? defaultSeconds;
  const before = await countStatements(client);
  const meter = new ProcessTreeMeter(child.pid ?? 0);
  try {
    await setTimeout(seconds * 1000, undefined, { signal: context.signal });
    const { cpuSeconds, peakMemoryMb, voluntarySwitches } = meter.end();
    const statementCount = (await countStatements(client)) - before;
    if (child.exitCode !== null) throw new Error('Headwater ended while it was idle');
    return {
      cases: [],
      figures: {
        seconds,
        ours: { peakMemoryMb: round(peakMemoryMb), cpuSeconds: round(cpuSeconds) },
        statementsPerCanaryInterval: round((statementCount * canaryIntervalMs) / (seconds * 1000)),
        voluntarySwitchesPerSecond: round(voluntarySwitches / seconds),
      },
    };
  } finally {
    meter.end();
  }
}

/** Resolves when the program has printed this line. */
async function until(child: ChildProcess, line: string): Promise<void> {
  if (child.stdout === null) throw new Error('the program has no output');
  const lines = createInterface(child.stdout);
  try {
    const ended = new AbortController();
    child.once('exit', () => ended.abort(new Error(`the program ended before it was ${line}`)));
    for (;;) {
      const [text]: readonly unknown[] = (await once(lines, 'line', { signal: ended.signal })) as readonly unknown[];
      if (text === line) return;
    }
  } finally {
    lines.close();
  }
}

interface Client extends AsyncDisposable {
  query<Row extends pg.QueryResultRow>(text: string): Promise<readonly Row[]>;
}

async function openClient(url: string): Promise<Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    async query<Row extends pg.QueryResultRow>(text: string) {
      return (await client.query<Row>(text)).rows;
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** Headwater gets a role of its own, so that its statements can be told from ours. */
async function prepareDatabase(client: Client): Promise<void> {
  await client.query('create extension pg_stat_statements');
  await client.query(`create role headwater_bench superuser login password '${password}'`);
  await client.query('create database target');
  await client.query(`create table ${table} (id bigint primary key, note text not null)`);
}

function addressOf(superuserUrl: string, database: string): string {
  const url = new URL(superuserUrl);
  url.username = 'headwater_bench';
  url.password = password;
  url.pathname = `/${database}`;
  return url.href;
}

/** Statements of Headwater on the source so far; those on the target, another database, are the sink's. */
async function countStatements(client: Client): Promise<number> {
  const [row] = await client.query<{ calls: string }>(`
    select coalesce(sum(calls), 0) as calls
    from pg_stat_statements s
    join pg_roles r on r.oid = s.userid
    join pg_database d on d.oid = s.dbid
    where r.rolname = 'headwater_bench' and d.datname = current_database()`);
  return Number(row?.calls);
}

async function untilNextStatement(client: Client, signal: AbortSignal): Promise<void> {
  const before = await countStatements(client);
  const deadline = performance.now() + 3 * canaryIntervalMs;
  while ((await countStatements(client)) === before && performance.now() < deadline) {
    await setTimeout(100, undefined, { signal });
  }
}
