import type { CaseSummary } from './measure/summary.ts';

export interface BenchmarkContext {
  readonly signal: AbortSignal;
  /** Rounds of each side. */
  readonly rounds: number;
  /** Scales row counts, 1 being what the name of the benchmark promises. Smaller ones are for trying it out. */
  readonly scale: number;
  /** How long a benchmark that is measured by time runs; undefined: as long as its name promises. */
  readonly seconds: number | undefined;
  note(line: string): void;
}

/** What a benchmark gives: cases with a peer, of which the worst gives the ratio, and figures beside them. */
export interface BenchmarkOutcome {
  readonly cases: readonly CaseSummary[];
  /** Fields of the JSON object. */
  readonly figures?: Readonly<Record<string, unknown>>;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  run(context: BenchmarkContext): Promise<BenchmarkOutcome>;
}
