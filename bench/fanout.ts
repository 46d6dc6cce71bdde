import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startScratchPostgres } from '../scripts/services/postgres.ts';
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts';
import { parseResult, program, runProgram, type ProgramRun } from './measure/run-subject.ts';
import { median, round } from './measure/summary.ts';
import { fillSlotWorkload, type SlotWorkload } from './workload/slot-workload.ts';

const laneCounts = [1, 4, 16];
/** Of each round of the command line: one run lasts a second or two, so many short ones tell more than a few long ones. */
const pairsPerRound = 4;

interface FanOutRun extends ProgramRun {
  readonly rows: number;
  readonly workSeconds: number;
  readonly workCpuSeconds: number;
  readonly isConfirmed: boolean;
}

interface FanOutResult {
  readonly rows: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
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
      const transactions = Math.max(1, Math.round(40 * context.scale));
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
    const pairCount = context.rounds * pairsPerRound;
    for (let index = 0; index < pairCount; index += 1) {
      const place = { workload, scratch, count, confirms: index === pairCount - 1 };
      const sides = [
        async () => void plain.push(await runOnce(context, { ...place, mode: 'none' })),
        async () => void hung.push(await runOnce(context, { ...place, mode: 'hung' })),
      ];
      for (const side of index % 2 === 0 ? sides : sides.toReversed()) await side();
      context.note(
        `${count} lane(s), pair ${index + 1}: ${rateOf(plain.at(-1))} rows/s, ${rateOf(hung.at(-1))} beside a hung one`,
      );
    }
    const ratios = plain.map((run, index) => rateOf(hung[index]) / rateOf(run));
    const cpuRatios = plain.map((run, index) => (hung[index]?.workCpuSeconds ?? Number.NaN) / run.workCpuSeconds);
    lanes[String(count)] = {
      rowsPerSecond: round(median(plain.map(rateOf))),
      microsecondsOfCpuPerRowAndLane: round(median(plain.map((run) => (run.cpuSeconds * 1e6) / (run.rows * count)))),
      peakMemoryMb: round(Math.max(...plain.map(({ peakMemoryMb }) => peakMemoryMb))),
      pairs: ratios.length,
      besideHungLane: round(median(ratios)),
      // Half of the pairs lie in here: on a machine that does something else meanwhile, single ones are far off.
      besideHungLaneQuartiles: quartilesOf(ratios),
      // What the others take of the processor, the hung one's own small part included: time that others take does not alter it.
      cpuBesideHungLane: round(median(cpuRatios)),
      cpuBesideHungLaneQuartiles: quartilesOf(cpuRatios),
      isSlotConfirmed: [plain.at(-1), hung.at(-1)].every((run) => run?.isConfirmed === true),
    };
  }
  return { cases: [], figures: { lanes } };
}

function quartilesOf(values: readonly number[]): readonly [number, number] {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number => round(sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN);
  return [at(0.25), at(0.75)];
}

interface RunPlace {
  readonly workload: SlotWorkload;
  readonly scratch: string;
  readonly count: number;
  readonly mode: 'none' | 'hung';
  /** Whether the run goes on until the slot holds nothing back: that takes many times as long as the work. */
  readonly confirms: boolean;
}

async function runOnce(
  context: BenchmarkContext,
  { workload, scratch, count, mode, confirms }: RunPlace,
): Promise<FanOutRun> {
  const { commits, publication, rows, url } = workload;
  const slot = `${publication}_${mode}`;
  const directory = join(scratch, slot);
  await workload.copySlot(slot);
  try {
    const words = [
      url,
      slot,
      publication,
      commits,
      rows,
      directory,
      count,
      mode,
      confirms ? await workload.endLsn() : '',
    ];
    const run = await runProgram(program('subjects/fan-out.ts', words), context.signal);
    const result = parseResult(run.output) as FanOutResult;
    const { rows: rowCount, seconds, cpuSeconds, isConfirmed } = result;
    return { ...run, rows: rowCount, workSeconds: seconds, workCpuSeconds: cpuSeconds, isConfirmed };
  } finally {
    await workload.dropSlot(slot);
    await rm(directory, { recursive: true, force: true });
  }
}

function rateOf(run: FanOutRun | undefined): number {
  return run === undefined ? Number.NaN : round(run.rows / run.workSeconds);
}
