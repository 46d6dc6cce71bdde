import { median, round } from './summary.ts';

/** What a distribution of latencies comes to. */
export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** By nearest rank. @throws without a value */
export function summarizeLatencies(valuesMs: readonly number[]): Percentiles {
  const sorted = valuesMs.toSorted((left, right) => left - right);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  if (sorted.length === 0) throw new Error('there is no latency to summarize');
  return { p50Ms: round(rank(0.5)), p99Ms: round(rank(0.99)), maxMs: round(rank(1)) };
}

/** Several rounds of one thing: the median of each figure, and how far the rounds lie apart. */
export interface RoundPercentiles extends Percentiles {
  readonly p50SpreadMs: readonly [low: number, high: number];
  readonly p99SpreadMs: readonly [low: number, high: number];
}

export function summarizeRounds(rounds: readonly Percentiles[]): RoundPercentiles {
  const p50 = rounds.map((entry) => entry.p50Ms);
  const p99 = rounds.map((entry) => entry.p99Ms);
  return {
    p50Ms: median(p50),
    p99Ms: median(p99),
    maxMs: Math.max(...rounds.map((entry) => entry.maxMs)),
    p50SpreadMs: [Math.min(...p50), Math.max(...p50)],
    p99SpreadMs: [Math.min(...p99), Math.max(...p99)],
  };
}
