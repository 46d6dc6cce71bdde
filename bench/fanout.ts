import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { parseResult, program, runProgram, type ProgramRun } from './measure/run-subject.ts';
import { median, round } from './measure/summary.ts';
import { fillSlotWorkload, type SlotWorkload } from './workload/slot-workload.ts';

const laneCounts = [1, 4, 16];

interface FanOutRun extends ProgramRun {
  readonly rows: number;
  readonly workSeconds: number;
  readonly isConfirmed: boolean;
}

/** One journal and many lanes: what a further lane costs, and whether one that hangs holds up the others or the slot. */
export const fanoutBenchmark: Benchmark = {
  name: 'fanout',
  summary: '1, 4 and 16 lanes over one journal, with and without one more that hangs',
  async run(context) {
    const scratch = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
    try {
      await using server = await startScratchPostgres({
        major: 18,
        signal: context.signal,
        settings: { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '256MB' },
      });
      const transactions = Math.max(1, Math.round(100 * context.scale));
      const shape = { name: 'fanout', transactions, rowsPerTransaction: 5000 };
      const workload = await fillSlotWorkload({ ...shape, url: server.url, note: (line) => context.note(line) });
      return await measure(context, workload, scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

async function measure(context: BenchmarkContext, workload: SlotWorkload, scratch: string): Promise<BenchmarkOutcome> {
  const lanes: Record<string, unknown> = {};
  for (const count of laneCounts) {
    const plain: FanOutRun[] = [];
    const hung: FanOutRun[] = [];
    for (let index = 0; index < context.rounds; index += 1) {
      const sides = [
        async () => void plain.push(await runOnce(context, { workload, scratch, count, mode: 'none' })),
        async () => void hung.push(await runOnce(context, { workload, scratch, count, mode: 'hung' })),
      ];
      for (const side of index % 2 === 0 ? sides : sides.toReversed()) await side();
      context.note(
        `${count} lane(s), round ${index + 1}: ${rateOf(plain.at(-1))} rows/s, ${rateOf(hung.at(-1))} beside a hung one`,
      );
    }
    const ratios = plain.map((run, index) => rateOf(hung[index]) / rateOf(run));
    lanes[String(count)] = {
      rowsPerSecond: round(median(plain.map(rateOf))),
      microsecondsOfCpuPerRowAndLane: round(median(plain.map((run) => (run.cpuSeconds * 1e6) / (run.rows * count)))),
      peakMemoryMb: round(Math.max(...plain.map(({ peakMemoryMb }) => peakMemoryMb))),
      besideHungLane: round(median(ratios)),
      besideHungLaneSpread: [round(Math.min(...ratios)), round(Math.max(...ratios))],
      isSlotConfirmed: [...plain, ...hung].every(({ isConfirmed }) => isConfirmed),
    };
  }
  return { cases: [], figures: { lanes } };
}

interface RunPlace {
  readonly workload: SlotWorkload;
  readonly scratch: string;
  readonly count: number;
  readonly mode: 'none' | 'hung';
}

async function runOnce(context: BenchmarkContext, { workload, scratch, count, mode }: RunPlace): Promise<FanOutRun> {
  const { commits, publication, rows, url } = workload;
  const slot = `${publication}_${mode}`;
  const directory = join(scratch, slot);
  await workload.copySlot(slot);
  try {
    const words = [url, slot, publication, commits, rows, directory, count, mode, await workload.endLsn()];
    const run = await runProgram(program('subjects/fan-out.ts', words), context.signal);
    const result = parseResult(run.output) as { rows: number; seconds: number; isConfirmed: boolean };
    return { ...run, rows: result.rows, workSeconds: result.seconds, isConfirmed: result.isConfirmed };
  } finally {
    await workload.dropSlot(slot);
    await rm(directory, { recursive: true, force: true });
  }
}

function rateOf(run: FanOutRun | undefined): number {
  return run === undefined ? Number.NaN : round(run.rows / run.workSeconds);
}
