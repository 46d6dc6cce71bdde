import { type CrashPlace, type CrashPoint, CrashPoints } from './crash-points.ts';
import { describeViolations, type RunResult, simulateScenario } from './simulate.ts';

/** What came about in one scenario. */
export interface CrashSummary {
  /** Points that a run without a crash passes. */
  readonly pointCount: number;
  /** Runs that crashed: one for each point. */
  readonly crashCount: number;
  /** Places where the process may crash, by what it does there; each has several points. */
  readonly placeCounts: Readonly<Record<CrashPlace, number>>;
  /** The run without a crash, with steps and calls as the simulated world itself counted them. */
  readonly uninterrupted: RunResult;
  /** Steps of all runs. */
  readonly stepCount: number;
}

/**
 * Runs one scenario without a crash, and then once for each of its points with a crash there: at every await, between two
 * steps, by a kill and by a power cut; before, during and after every call that changes the disk; and before everything that
 * takes effect without an await.
 * @throws Error when a run breaks a promise, or when it did not crash at its own point, reached by the same steps.
 */
export async function crashEverywhere(seed: number): Promise<CrashSummary> {
  const calm = new CrashPoints();
  const uninterrupted = await runScenario(seed, calm);
  let crashCount = 0;
  let { stepCount } = uninterrupted;
  for (const [index, wanted] of calm.passed.entries()) {
    const points = new CrashPoints(index);
    stepCount += (await runScenario(seed, points)).stepCount;
    if (!points.hasCrashed || !isBeginOf(points.passed, calm.passed)) {
      throw new Error(`seed ${seed}: no run crashed by ${wanted.end} at ${wanted.description}`);
    }
    crashCount += 1;
  }
  const count = (place: CrashPlace): number =>
    new Set(calm.passed.filter((point) => point.place === place).map(({ description }) => description)).size;
  return {
    pointCount: calm.passed.length,
    crashCount,
    placeCounts: { await: count('await'), 'disk-call': count('disk-call'), 'immediate-call': count('immediate-call') },
    uninterrupted,
    stepCount,
  };
}

async function runScenario(seed: number, points: CrashPoints): Promise<RunResult> {
  const result = await simulateScenario(seed, points);
  if (result.violations.length === 0) return result;
  const point = points.hasCrashed ? points.passed.at(-1) : undefined;
  const crash = point === undefined ? 'without a crash' : `crashed by ${point.end} at ${point.description}`;
  throw new Error(`${crash}\n${describeViolations(result, 'lab/simulator/crash-everywhere.test.ts')}`);
}

function isBeginOf(begin: readonly CrashPoint[], whole: readonly CrashPoint[]): boolean {
  return begin.every(({ description, end }, index) => {
    const other = whole[index];
    return description === other?.description && end === other.end;
  });
}
