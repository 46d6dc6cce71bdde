import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { startScratchKafka } from '../scripts/services/kafka.ts';
import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { measureFlushDuring, measureIdleFlush } from './measure/disk-flush.ts';
import { type Percentiles, type RoundPercentiles, summarizeRounds } from './measure/percentiles.ts';
import { parseResult, program, runProgram } from './measure/run-subject.ts';
import { median, round } from './measure/summary.ts';
import { openBenchTopics } from './workload/bench-topics.ts';

const ratePerSecond = 500;
const defaultSeconds = 30;

/** From the return of COMMIT to the handler and to a consumer of Kafka, commits in an open loop. */
export const latencyBenchmark: Benchmark = {
  name: 'latency',
  summary: 'COMMIT returned → handler called, → consumed from Kafka, at 500 commits/s in an open loop',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      const { signal } = context;
      await using server = await startScratchPostgres({ major: 18, signal });
      await using broker = await startScratchKafka({ signal });
      await using topics = await openBenchTopics(broker.brokers);
      const place = { url: server.url, brokers: broker.brokers.join(','), scratch };
      const ours: OurRound[] = [];
      const peer: PeerRound[] = [];
      for (let index = 0; index < context.rounds; index += 1) {
        const names = { ours: `latency_${index}_ours`, peer: `latency_${index}_peer` };
        await topics.create(names.ours);
        const sides = [
          async () => void ours.push(await measureOurs(context, place, names.ours)),
          async () => void peer.push(await measurePeer(context, place, names.peer)),
        ];
        for (const side of index % 2 === 0 ? sides : sides.toReversed()) await side();
        context.note(`round ${index + 1}: ours ${JSON.stringify(ours.at(-1))}`);
        context.note(`round ${index + 1}: peer ${JSON.stringify(peer.at(-1))}`);
        await topics.remove(names.ours);
      }
      return summarize(ours, peer);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

interface Place {
  readonly url: string;
  readonly brokers: string;
  readonly scratch: string;
}

interface PeerRound {
  readonly handler: Percentiles;
  /** From the moment when a commit was due to its return. */
  readonly commit: Percentiles;
}

interface OurRound extends PeerRound {
  readonly kafka: Percentiles;
  readonly diskFlush: { readonly idle: Percentiles; readonly underLoad: Percentiles };
}

async function measureOurs(context: BenchmarkContext, place: Place, name: string): Promise<OurRound> {
  const { url, brokers, scratch } = place;
  await createTable(url, name);
  const directory = join(scratch, name);
  const seconds = context.seconds ?? defaultSeconds;
  const subject = program('subjects/commit-to-sinks.ts', [url, name, ratePerSecond, seconds, directory, brokers, name]);
  const idle = await measureIdleFlush(scratch);
  const { result, flush } = await measureFlushDuring(scratch, runProgram(subject, context.signal));
  await rm(directory, { recursive: true, force: true });
  await dropTable(url, name);
  return { ...(parseResult(result.output) as Omit<OurRound, 'diskFlush'>), diskFlush: { idle, underLoad: flush } };
}

async function measurePeer(context: BenchmarkContext, { url }: Place, name: string): Promise<PeerRound> {
  await createTable(url, name);
  const seconds = context.seconds ?? defaultSeconds;
  const subject = program('peers/commit-to-callback.ts', [url, name, ratePerSecond, seconds]);
  const { output } = await runProgram(subject, context.signal);
  await dropTable(url, name);
  return parseResult(output) as PeerRound;
}

function createTable(url: string, name: string): Promise<void> {
  return runStatements(url, [`create table ${name} (id bigint primary key, note text not null)`]);
}

function dropTable(url: string, name: string): Promise<void> {
  return runStatements(url, [
    // A reader that has just ended may still hold its slot.
    `select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where slot_name = '${name}' and active`,
    `select pg_drop_replication_slot('${name}')`,
    `drop publication ${name}`,
    `drop table ${name}`,
  ]);
}

async function runStatements(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function summarize(ours: readonly OurRound[], peer: readonly PeerRound[]): BenchmarkOutcome {
  const over = <Entry>(rounds: readonly Entry[], pick: (entry: Entry) => Percentiles): RoundPercentiles =>
    summarizeRounds(rounds.map(pick));
  const handler = over(ours, (entry) => entry.handler);
  const kafka = over(ours, (entry) => entry.kafka);
  const ratios = ours.map(({ handler: mine }, index) => (peer[index]?.handler.p50Ms ?? Number.NaN) / mine.p50Ms);
  return {
    cases: [],
    figures: {
      ratio: round(median(ratios)),
      ours: { handler, kafka, commit: over(ours, (entry) => entry.commit) },
      peer: { handler: over(peer, (entry) => entry.handler), commit: over(peer, (entry) => entry.commit) },
      rounds: ours.length,
      handler,
      kafka,
      diskFlush: {
        idle: over(ours, (entry) => entry.diskFlush.idle),
        underLoad: over(ours, (entry) => entry.diskFlush.underLoad),
      },
    },
  };
}
