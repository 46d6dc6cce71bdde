import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import { findPostgresTool } from '../scripts/services/postgres-tools.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { program, type Subject } from './measure/run-subject.ts';
import {
  alternate,
  type CaseSummary,
  compareRuns,
  describeRun,
  summarizeCase,
  summarizeSide,
} from './measure/summary.ts';
import { createSlotRunner } from './workload/run-on-slot.ts';
import { fillSlotWorkload, type SlotWorkload } from './workload/slot-workload.ts';

/** From the slot to a flushed journal, beside a bare reader that throws everything away, and beside pg_recvlogical. */
export const captureBenchmark: Benchmark = {
  name: 'capture',
  summary: 'slot → flushed journal, beside a bare reader and pg_recvlogical',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({
        major: 18,
        signal: context.signal,
        settings: { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '256MB' },
      });
      return await runCases(context, server.url, scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function runCases(context: BenchmarkContext, url: string, scratch: string): Promise<BenchmarkOutcome> {
  const shapes = [
    { name: 'large_transactions', transactions: 200, rowsPerTransaction: 5000 },
    { name: 'single_row_transactions', transactions: 200_000, rowsPerTransaction: 1 },
  ];
  const cases: CaseSummary[] = [];
  const appendFromMemory: Record<string, FromMemory> = {};
  for (const shape of shapes) {
    const transactions = Math.max(1, Math.round(shape.transactions * context.scale));
    const workload = await fillSlotWorkload({ ...shape, transactions, url, note: (line) => context.note(line) });
    const result = await runCase(context, { name: shape.name, workload, scratch });
    cases.push(result.summary);
    appendFromMemory[shape.name] = result.fromMemory;
    await workload.release();
  }
  return { cases, figures: { appendFromMemory } };
}

interface CaseOptions {
  readonly name: string;
  readonly workload: SlotWorkload;
  readonly scratch: string;
}

/** The recorded bytes of the same slot, taken to the journal by the same recorder without a socket. */
interface FromMemory {
  readonly rowsPerSecond: number;
  /** Times the rate of `ours`, which read the same bytes from the socket in the same round. */
  readonly liveRatio: number;
  readonly liveRatioSpread: readonly [number, number];
}

async function runCase(
  context: BenchmarkContext,
  { name, workload, scratch }: CaseOptions,
): Promise<{ summary: CaseSummary; fromMemory: FromMemory }> {
  const recvlogical = await findPostgresTool('pg_recvlogical');
  if (recvlogical.kind === 'missing') throw new Error(recvlogical.reason);
  const onSlot = createSlotRunner(workload, scratch, context.signal);
  const { url, publication, commits, rows } = workload;
  const endLsn = await workload.endLsn();
  const runs = await alternate(
    context.rounds,
    {
      ours: () =>
        onSlot((slot, directory) =>
          program('subjects/capture-to-journal.ts', [url, slot, publication, commits, rows, directory]),
        ),
      peer: () => onSlot((slot) => program('peers/bare-reader.ts', [url, slot, publication, commits])),
      pg_recvlogical: () =>
        onSlot((slot, directory) =>
          recvlogicalSubject(recvlogical.path, { url, slot, publication, endLsn, directory }),
        ),
      from_memory: () =>
        onSlot((slot, directory) =>
          program('subjects/append-from-memory.ts', [url, slot, publication, commits, directory]),
        ),
    },
    (side, index, run) => context.note(`${name} round ${index + 1} ${side}: ${describeRun(run)}`),
  );
  const live = compareRuns(runs.from_memory, runs.ours);
  return {
    summary: {
      ...summarizeCase(name, runs.ours, runs.peer),
      others: { pg_recvlogical: compareRuns(runs.ours, runs.pg_recvlogical).ratio },
    },
    fromMemory: {
      rowsPerSecond: summarizeSide(runs.from_memory).rowsPerSecond,
      liveRatio: live.ratio,
      liveRatioSpread: live.spread,
    },
  };
}

interface RecvlogicalOptions {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly endLsn: string;
  readonly directory: string;
}

function recvlogicalSubject(command: string, options: RecvlogicalOptions): Subject {
  const { url, slot, publication, endLsn, directory } = options;
  const settings = ['proto_version=1', `publication_names=${publication}`, 'messages=true'].flatMap((text) => [
    '-o',
    text,
  ]);
  const args = ['-d', url, '--slot', slot, '--start', `--endpos=${endLsn}`, '-f', `${directory}.out`, ...settings];
  return { command, args: [...args, '--no-loop', '--fsync-interval=1'], printsResult: false };
}
