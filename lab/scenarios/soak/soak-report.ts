import type { Slope } from './slope.ts';

/** What a run of the soak takes. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** A line for people. */
  readonly note: (line: string) => void;
}

/** What the process and its journal took at one moment. */
export interface ProcessSample {
  readonly atMs: number;
  readonly memoryBytes: number;
  readonly descriptors: number;
  readonly journalBytes: number;
}

/** How many records a lane listed as parked. */
export interface ParkedCount {
  /** Records that were refused. */
  readonly keys: number;
  /** Those behind them. */
  readonly waiting: number;
}

/** What the soak found. Its JSON form is the last line of standard output. */
export interface SoakReport {
  readonly ok: boolean;
  readonly seed: number;
  readonly minutes: number;
  /** Row changes that the writer was told are committed. */
  readonly changes: number;
  /** By target and way: `kafka.kill`. */
  readonly kills: Readonly<Record<string, number>>;
  readonly rows: Readonly<Record<string, number>>;
  readonly records: Readonly<Record<string, number>>;
  /** By lane, at the end of the load. */
  readonly parked: Readonly<Record<string, ParkedCount>>;
  readonly slopes: Readonly<Record<'memoryBytes' | 'descriptors' | 'journalBytes', Slope>>;
  /** One for each minute. */
  readonly samples: readonly ProcessSample[];
  readonly drainSeconds: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}
