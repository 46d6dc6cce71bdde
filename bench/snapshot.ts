import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import { findPostgresTool } from '../scripts/services/postgres-tools.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { program, runProgram, runSubject, type Subject } from './measure/run-subject.ts';
import { alternate, describeRun, type Run, summarizeCase } from './measure/summary.ts';
import { measurePgbench, type PgbenchLoad, type PgbenchRate } from './workload/pgbench-rate.ts';

const rowCount = 10_000_000;
const table = 'narrow';

/** A first copy of narrow rows, beside COPY into a flushed file, and under pgbench at half of what the server can do. */
export const snapshotBenchmark: Benchmark = {
  name: 'snapshot',
  summary: 'older rows → flushed journal, beside COPY … TO STDOUT into a flushed file, and under pgbench',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({
        major: 18,
        signal: context.signal,
        settings: { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '512MB' },
      });
      const rows = Math.max(1000, Math.round(rowCount * context.scale));
      await fill(server.url, rows, context);
      return await measure(context, { url: server.url, rows, scratch });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

interface Place {
  readonly url: string;
  readonly rows: number;
  readonly scratch: string;
}

async function fill(url: string, rows: number, context: BenchmarkContext): Promise<void> {
  context.note(`filling a table with ${rows} rows`);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create table ${table} (id bigint primary key, amount integer not null)`);
    await client.query(`insert into ${table} select n, n % 1000 from generate_series(1, ${rows}) n`);
    await client.query(`vacuum analyze ${table}`);
    await client.query(`create publication ${table} for table ${table}`);
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}

async function measure(context: BenchmarkContext, place: Place): Promise<BenchmarkOutcome> {
  const { rounds, signal } = context;
  const psql = await findPostgresTool('psql');
  if (psql.kind === 'missing') throw new Error(psql.reason);
  const expectation = { rows: place.rows, signal };
  const runs = await alternate(
    rounds,
    {
      ours: (round) => onDirectory(place, `ours_${round}`, (subject) => runSubject(subject, expectation)),
      peer: (round) => runSubject(copyToFile(psql.path, place, join(place.scratch, `peer_${round}.out`)), expectation),
    },
    (side, index, run) => context.note(`round ${index + 1} ${side}: ${describeRun(run)}`),
  );
  const underLoad = await measureUnderLoad(context, place);
  return { cases: [summarizeCase('narrow_rows', runs.ours, runs.peer)], figures: { underLoad } };
}

/** Runs our side on a slot and a directory of its own, and removes both. */
async function onDirectory<Result>(
  { scratch, url }: Place,
  name: string,
  work: (subject: Subject) => Promise<Result>,
): Promise<Result> {
  const directory = join(scratch, name);
  try {
    return await work(program('subjects/snapshot-to-journal.ts', [url, name, table, directory]));
  } finally {
    await rm(directory, { recursive: true, force: true });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [
      name,
    ]);
    await client.end();
  }
}

/** COPY by psql into a file that is flushed at the end: the plainest copy there is. */
function copyToFile(psql: string, { url }: Place, file: string): Subject {
  const script = `"$1" -X -q -d "$2" -c 'copy ${table} to stdout' > "$3" && sync "$3" && rm "$3"`;
  return { command: 'sh', args: ['-c', script, 'sh', psql, url, file], printsResult: false };
}

interface UnderLoad {
  readonly offeredTps: number;
  readonly without: PgbenchRate;
  readonly with: PgbenchRate;
  /** Achieved rate with the snapshot ÷ offered rate. */
  readonly achieved: number;
  /** p99 with the snapshot ÷ p99 without. */
  readonly p99Ratio: number;
  readonly snapshotRowsPerSecond: number;
}

/** pgbench at half its measured maximum, alone and beside a snapshot of another table of the same server. */
async function measureUnderLoad(context: BenchmarkContext, place: Place): Promise<UnderLoad> {
  const { signal } = context;
  const seconds = context.seconds ?? 30;
  const load: PgbenchLoad = { url: place.url, directory: place.scratch, signal };
  const most = await measurePgbench(load, { seconds: Math.min(seconds, 10) });
  const offeredTps = Math.max(1, Math.floor(most.tps / 2));
  context.note(`pgbench does ${Math.round(most.tps)} transactions/s; ${offeredTps} are offered from here on`);
  const without = await measurePgbench(load, { seconds, offeredTps });
  context.note(`without a snapshot: ${JSON.stringify(without)}`);
  const [copy, beside] = await onDirectory(place, 'under_load', async (subject) => {
    const copying = copyAgain(subject, signal);
    const rate = await measurePgbench(load, { seconds, offeredTps });
    return [await copying, rate] as const;
  });
  context.note(`beside a snapshot: ${JSON.stringify(beside)}`);
  return {
    offeredTps,
    without,
    with: beside,
    achieved: beside.tps / offeredTps,
    p99Ratio: beside.p99Ms / without.p99Ms,
    snapshotRowsPerSecond: copy.rows / copy.seconds,
  };
}

async function copyAgain(subject: Subject, signal: AbortSignal): Promise<Pick<Run, 'rows' | 'seconds'>> {
  const { output } = await runProgram(subject, signal);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Pick<Run, 'rows' | 'seconds'>;
}
