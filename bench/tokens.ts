import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark } from './benchmark.ts';
import { type Percentiles, summarizeRounds } from './measure/percentiles.ts';
import { parseResult, program, runProgram } from './measure/run-subject.ts';

const ratePerSecond = 500;
const defaultSeconds = 30;

interface Waits {
  readonly lane: Percentiles;
  readonly view: Percentiles;
  readonly reads: number;
}

interface Round {
  readonly loaded: Waits;
  readonly idle: Waits;
  readonly commit: Percentiles;
}

/** How long a read waits behind its token. There is no peer: nothing else has a token. */
export const tokensBenchmark: Benchmark = {
  name: 'tokens',
  summary: 'commit returned → readyFor(token) resolved, on a handler lane and a view, at 500 commits/s and idle',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({ major: 18, signal: context.signal });
      const rounds: Round[] = [];
      for (let index = 0; index < context.rounds; index += 1) {
        const name = `tokens_${index}`;
        await createTable(server.url, name);
        const seconds = context.seconds ?? defaultSeconds;
        const args = [server.url, name, ratePerSecond, seconds, join(scratch, name)];
        const { output } = await runProgram(program('subjects/fresh-reads.ts', args), context.signal);
        rounds.push(parseResult(output) as Round);
        context.note(`round ${index + 1}: ${JSON.stringify(rounds.at(-1))}`);
      }
      const over = (pick: (round: Round) => Percentiles): object => summarizeRounds(rounds.map(pick));
      return {
        cases: [],
        figures: {
          ratePerSecond,
          loaded: { lane: over(({ loaded }) => loaded.lane), view: over(({ loaded }) => loaded.view) },
          idle: { lane: over(({ idle }) => idle.lane), view: over(({ idle }) => idle.view) },
          commit: over(({ commit }) => commit),
          rounds: rounds.length,
        },
      };
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function createTable(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create table ${name} (id bigint primary key, note text not null)`);
  } finally {
    await client.end();
  }
}
