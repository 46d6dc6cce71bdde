import { systemClock } from '../../src/foundation/clock.ts';
import { describeViolations, simulate } from './simulate.ts';

/** Which seeds are run, and for how long at most. */
export interface SeedRange {
  readonly from: number;
  readonly count: number;
  /** Default: all of them, however long it takes. */
  readonly limitMs?: number;
}

/** What came about in many runs. */
export interface SeedSummary {
  readonly runCount: number;
  readonly stepCount: number;
  /** Kinds of events that no run met: what the simulator would then not have tested. */
  readonly neverMet: readonly string[];
}

/** Found in the traces and in what the code warned of; each must come about in a thousand runs. */
const landmarks = {
  'a killed process': /^--- kill/,
  'a power cut': /^--- power-cut /,
  'a power cut in a call': /^--- power-cut-in-call/,
  'a stop': /^--- stop/,
  'a failed flush': /HW-JOURNAL-008/,
  'a full disk': /HW-JOURNAL-007/,
  'a cut connection': /HW-SOURCE-023/,
  'a silent connection': /HW-SOURCE-029/,
  'a slot held by a session that is gone': /HW-SOURCE-012/,
  'a journal tail that was cut': /journal tail cut/,
  'a store that is away': /HW-SINK-001/,
  'a lost reply': /HW-SINK-004/,
  'a parked record': /lane parks a record lane=/,
  'a parked record that failed again': /lane parks a record again/,
  'a parked record that was given up': /lane drops a parked record/,
} as const;

/**
 * Runs seeds one after the other.
 * @throws Error at the first run that breaks a promise, with the seed, the way to run it alone, and what went before.
 */
export async function simulateSeeds({ from, count, limitMs }: SeedRange): Promise<SeedSummary> {
  const startedMs = systemClock.monotonicMs();
  const missing = new Map<string, RegExp>(Object.entries(landmarks));
  let stepCount = 0;
  let runCount = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    if (limitMs !== undefined && systemClock.monotonicMs() - startedMs > limitMs) break;
    const result = await simulate(seed);
    if (result.violations.length > 0) throw new Error(describeViolations(result, 'lab/simulator/simulator.test.ts'));
    runCount += 1;
    stepCount += result.stepCount;
    for (const [name, pattern] of missing) if (result.story.some((line) => pattern.test(line))) missing.delete(name);
  }
  return { runCount, stepCount, neverMet: [...missing.keys()] };
}
