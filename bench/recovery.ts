import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

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
  const ofHeadwater: number[] = [];
  const ofPostgres: number[] = [];
  for (let index = 0; index < rounds; index += 1) {
    await service.end('SIGKILL');
    const insert = `insert into ${name} (note) select repeat(md5(n::text), 3) from generate_series(1, ${Math.round(unconfirmedRows * scale)}) n`;
    await query(server.url, insert);
    ofHeadwater.push(
      await firstEventSeconds(async () => {
        service = start();
        await query(server.url, `insert into ${name} (note) values ('marker-h${index}')`);
        return await service.line(`marker-h${index}`);
      }),
    );
    context.note(`round ${index + 1}: Headwater killed, first new event after ${ofHeadwater.at(-1) ?? 0} s`);
    await query(server.url, insert);
    ofPostgres.push(
      await firstEventSeconds(async () => {
        await server.kill();
        await server.restart();
        await query(server.url, `insert into ${name} (note) values ('marker-p${index}')`);
        return await service.line(`marker-p${index}`);
      }),
    );
    context.note(`round ${index + 1}: PostgreSQL killed, first new event after ${ofPostgres.at(-1) ?? 0} s`);
  }
  await service.end('SIGTERM');
  return {
    cases: [],
    figures: {
      segmentsWithoutIndex: bare,
      ours: { firstEventSeconds: round(median(ofHeadwater)), spread: spreadOf(ofHeadwater) },
      afterPostgresKill: { firstEventSeconds: round(median(ofPostgres)), spread: spreadOf(ofPostgres) },
    },
  };
}

/** Seconds from now to the moment of the machine's clock that `work` resolves with. */
async function firstEventSeconds(work: () => Promise<number>): Promise<number> {
  const startedMs = machineMs();
  return round(((await work()) - startedMs) / 1000);
}

function spreadOf(seconds: readonly number[]): readonly [number, number] {
  return [Math.min(...seconds), Math.max(...seconds)];
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** A running Headwater and what it has printed. */
class Service {
  readonly #child: ChildProcess;
  readonly #seen = new Map<string, number>();
  #changed = Promise.withResolvers<void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('the program has no output');
    createInterface(child.stdout).on('line', (line) => {
      const [word = '', atMs = ''] = line.split(' ');
      this.#seen.set(word, Number(atMs));
      this.#wake();
    });
    child.once('exit', () => this.#wake());
  }

  /** Resolves with the time that stands behind the word, once its line has come. */
  async line(word: string): Promise<number> {
    for (;;) {
      const atMs = this.#seen.get(word);
      if (atMs !== undefined) return atMs;
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
