import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import pg from 'pg';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { EmbeddedPostgres } from '../src/postgres/embedded-server.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { machineMs } from './measure/machine-ms.ts';
import { program, startProgram } from './measure/run-subject.ts';
import { median, round } from './measure/summary.ts';
import { growJournal } from './workload/large-journal.ts';

const journalBytes = 5_000_000_000;
const segmentsWithoutIndex = 10;
const unconfirmedRows = 100_000;
const name = 'recovery';
/** Several times what a lane lets pass between two saves of its checkpoint. */
const restMs = 1000;

/** From a kill to the first new event at a handler: of Headwater, and of PostgreSQL under it. */
export const recoveryBenchmark: Benchmark = {
  name: 'recovery',
  summary:
    'kill -9 of Headwater, and of PostgreSQL, with a 5 GB journal and 100,000 rows to catch up → first new event',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({ major: 18, signal: context.signal });
      return await measure(context, server, join(scratch, 'journal'));
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function measure(
  context: BenchmarkContext,
  server: EmbeddedPostgres,
  directory: string,
): Promise<BenchmarkOutcome> {
  const { rounds, scale, signal } = context;
  await query(server.url, `create table ${name} (id bigserial primary key, note text not null)`);
  const start = (mode: 'lane' | 'no-lane' = 'lane'): Service =>
    new Service(startProgram(program('subjects/handler-service.ts', [server.url, name, directory, mode]), signal));
  {
    const first = start('no-lane');
    await first.line('ready');
    await first.end('SIGTERM');
  }
  context.note('growing the journal');
  const bare = await growJournal(directory, Math.round(journalBytes * scale), segmentsWithoutIndex);
  let service = start();
  await service.line('ready');
  const ofHeadwater: Recovery[] = [];
  const ofPostgres: Recovery[] = [];
  for (let index = 0; index < rounds; index += 1) {
    await rest(context, server.url);
    await service.end('SIGKILL');
    const insert = `insert into ${name} (note) select repeat(md5(n::text), 3) from generate_series(1, ${Math.round(unconfirmedRows * scale)}) n`;
    await query(server.url, insert);
    ofHeadwater.push(
      await measureRecovery(async () => {
        service = start();
        await query(server.url, `insert into ${name} (note) values ('marker-h${index}')`);
        return await service.line(`marker-h${index}`);
      }),
    );
    context.note(`round ${index + 1}: Headwater killed, ${describe(ofHeadwater.at(-1))}`);
    await rest(context, server.url);
    await query(server.url, insert);
    let restarted = { serverSeconds: 0 };
    const recovery = await measureRecovery(async (startedMs) => {
      await server.kill();
      await server.restart();
      restarted = { serverSeconds: round((machineMs() - startedMs) / 1000) };
      await query(server.url, `insert into ${name} (note) values ('marker-p${index}')`);
      return await service.line(`marker-p${index}`);
    });
    ofPostgres.push({ ...recovery, ...restarted });
    context.note(`round ${index + 1}: PostgreSQL killed, ${describe(ofPostgres.at(-1))}`);
  }
  await service.end('SIGTERM');
  return {
    cases: [],
    figures: {
      segmentsWithoutIndex: bare,
      ours: { ...summarize(ofHeadwater), cpuSeconds: round(median(ofHeadwater.map(({ cpuSeconds }) => cpuSeconds))) },
      afterPostgresKill: {
        ...summarize(ofPostgres),
        // PostgreSQL's own share: from the kill to the first connection that it takes.
        serverSeconds: round(median(ofPostgres.map(({ serverSeconds = Number.NaN }) => serverSeconds))),
      },
    },
  };
}

interface Recovery {
  /** From the kill to the handler's call with the first new event. */
  readonly firstEventSeconds: number;
  /** What Headwater's process had used by then, since its start. */
  readonly cpuSeconds: number;
  readonly serverSeconds?: number;
}

interface Marker {
  readonly atMs: number;
  readonly cpuSeconds: number;
}

async function measureRecovery(work: (startedMs: number) => Promise<Marker>): Promise<Recovery> {
  const startedMs = machineMs();
  const { atMs, cpuSeconds } = await work(startedMs);
  return { firstEventSeconds: round((atMs - startedMs) / 1000), cpuSeconds: round(cpuSeconds) };
}

/**
 * Lets everything be confirmed and saved, so that each round begins alike: with the rows of its own to catch up and no others.
 * PostgreSQL keeps a confirmation in memory and writes it down at a checkpoint, or when a record of running transactions moves
 * the slot, some fifteen seconds apart; a killed server sends again what was confirmed since.
 */
async function rest({ signal }: BenchmarkContext, url: string): Promise<void> {
  const [end] = await query(url, 'select pg_current_wal_insert_lsn() as lsn');
  const isConfirmed = `select from pg_replication_slots where confirmed_flush_lsn >= '${String(end?.['lsn'])}'`;
  while ((await query(url, isConfirmed)).length === 0) await setTimeout(restMs / 10, undefined, { signal });
  await setTimeout(restMs, undefined, { signal });
  await query(url, 'checkpoint');
}

function summarize(recoveries: readonly Recovery[]): object {
  const seconds = recoveries.map(({ firstEventSeconds }) => firstEventSeconds);
  return { firstEventSeconds: round(median(seconds)), spread: [Math.min(...seconds), Math.max(...seconds)] };
}

function describe(recovery: Recovery | undefined): string {
  return `first new event after ${recovery?.firstEventSeconds ?? 0} s`;
}

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** A running Headwater and what it has printed. */
class Service {
  readonly #child: ChildProcess;
  readonly #seen = new Map<string, Marker>();
  #changed = Promise.withResolvers<void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('the program has no output');
    createInterface(child.stdout).on('line', (line) => {
      const [word = '', atMs = '', cpuSeconds = ''] = line.split(' ');
      this.#seen.set(word, { atMs: Number(atMs), cpuSeconds: Number(cpuSeconds) });
      this.#wake();
    });
    child.once('exit', () => this.#wake());
  }

  /** Resolves with what stands behind the word, once its line has come. */
  async line(word: string): Promise<Marker> {
    for (;;) {
      const marker = this.#seen.get(word);
      if (marker !== undefined) return marker;
      if (this.#child.exitCode !== null) throw new Error(`the program ended before it printed ${word}`);
      await this.#changed.promise;
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
