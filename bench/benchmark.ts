import type { CaseSummary } from './measure/summary.ts';

export interface BenchmarkContext {
  readonly signal: AbortSignal;
  /** Rounds of each side. */
  readonly rounds: number;
  /** Scales row counts, 1 being what the name of the benchmark promises. Smaller ones are for trying it out. */
  readonly scale: number;
  note(line: string): void;
}

/** What a benchmark gives: one or more cases, and figures that are no ratio. */
export interface BenchmarkOutcome {
  readonly cases: readonly CaseSummary[];
  readonly figures?: Readonly<Record<string, unknown>>;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  run(context: BenchmarkContext): Promise<BenchmarkOutcome>;
}
