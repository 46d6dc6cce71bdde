import type { TreeUsage } from './process-tree.ts';

/** One run of one side. */
export interface Run extends TreeUsage {
  readonly rows: number;
  readonly seconds: number;
  /** CPU seconds of the walsender that served the run, where there was one. */
  readonly walsenderCpuSeconds?: number;
}

/** What one side did over all rounds: medians. */
export interface SideSummary {
  readonly rowsPerSecond: number;
  readonly peakMemoryMb: number;
  readonly cpuSeconds: number;
  readonly walsenderCpuSeconds?: number;
}

/** One case of a benchmark: ours beside a peer, rounds alternating. */
export interface CaseSummary {
  readonly name: string;
  /** Ours ÷ peer, more is better: median over the rounds of each round's own ratio. */
  readonly ratio: number;
  readonly ratioSpread: readonly [low: number, high: number];
  readonly ours: SideSummary;
  readonly peer: SideSummary;
  readonly rounds: number;
  /** Ratios to further peers. */
  readonly others?: Readonly<Record<string, number>>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function summarizeSide(runs: readonly Run[]): SideSummary {
  const walsender = runs.map((run) => run.walsenderCpuSeconds).filter((seconds) => seconds !== undefined);
  return {
    rowsPerSecond: round(median(runs.map((run) => run.rows / run.seconds))),
    peakMemoryMb: round(Math.max(...runs.map((run) => run.peakMemoryMb))),
    cpuSeconds: round(median(runs.map((run) => run.cpuSeconds))),
    ...(walsender.length === 0 ? {} : { walsenderCpuSeconds: round(median(walsender)) }),
  };
}

/** Compares two sides run by run: the rounds stand in the same order in both. */
export function compareRuns(
  ours: readonly Run[],
  peer: readonly Run[],
): { ratio: number; spread: readonly [number, number] } {
  const ratios = ours.map((run, index) => {
    const other = peer[index];
    return other === undefined ? Number.NaN : run.rows / run.seconds / (other.rows / other.seconds);
  });
  return { ratio: round(median(ratios)), spread: [round(Math.min(...ratios)), round(Math.max(...ratios))] };
}

/** One case out of the runs of its two sides. */
export function summarizeCase(name: string, ours: readonly Run[], peer: readonly Run[]): CaseSummary {
  const { ratio, spread } = compareRuns(ours, peer);
  return {
    name,
    ratio,
    ratioSpread: spread,
    ours: summarizeSide(ours),
    peer: summarizeSide(peer),
    rounds: ours.length,
  };
}

/** A line for people who wait. */
export function describeRun(run: Run): string {
  const walsender = run.walsenderCpuSeconds === undefined ? '' : `, walsender ${run.walsenderCpuSeconds} CPU s`;
  return `${Math.round(run.rows / run.seconds)} rows/s, ${run.cpuSeconds} CPU s${walsender}, ${round(run.peakMemoryMb)} MB`;
}

export function round(value: number): number {
  return Number(value.toPrecision(4));
}

/**
 * Runs each side once a round, in an order that turns round from round to round, so that warm caches and a busy machine
 * favour nobody.
 */
export async function alternate<Side extends string>(
  rounds: number,
  sides: Readonly<Record<Side, (round: number) => Promise<Run>>>,
  onRun: (side: Side, round: number, run: Run) => void,
): Promise<Record<Side, Run[]>> {
  const names = Object.keys(sides) as Side[];
  const runs = Object.fromEntries(names.map((name) => [name, [] as Run[]])) as Record<Side, Run[]>;
  for (let index = 0; index < rounds; index += 1) {
    const shift = index % names.length;
    for (const name of [...names.slice(shift), ...names.slice(0, shift)]) {
      const run = await sides[name](index);
      runs[name].push(run);
      onRun(name, index, run);
    }
  }
  return runs;
}
