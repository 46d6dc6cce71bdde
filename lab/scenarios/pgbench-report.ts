import type { PostgresMajor } from '../../scripts/services/service.ts';
import type { TableSum } from './row-sum.ts';

/** What a run of the scenario takes. */
export interface PgbenchOptions {
  readonly scale: number;
  readonly seconds: number;
  readonly seed: number;
  readonly major: PostgresMajor;
  /** True: the tables are loaded, and pgbench runs, before Headwater is there for the first time. */
  readonly isExisting: boolean;
  readonly signal: AbortSignal;
  /** A line for people. */
  readonly note: (line: string) => void;
}

/** One SIGKILL of Headwater, and which pgbench ran at that moment. */
export interface Kill {
  readonly phase: 'load' | 'copy' | 'run';
  /** Since the load began. */
  readonly atSeconds: number;
}

/** What the scenario found. Its JSON form is the last line of standard output. */
export interface PgbenchReport {
  readonly ok: boolean;
  readonly seed: number;
  readonly scale: number;
  /** pgbench's own count of its transactions, the load left out. */
  readonly transactions: number;
  /** Transactions in the journal: pgbench's and the one of the load. */
  readonly commits: number;
  /** Rows that were there before Headwater was, and came by copy; 0 without `--existing`. */
  readonly copiedRows: number;
  readonly kills: readonly Kill[];
  readonly tables: Readonly<Record<string, Readonly<Record<'source' | 'mirror' | 'kafka', TableSum>>>>;
  /** The most resident memory of any of Headwater's processes; null where the system does not tell. */
  readonly peakMemoryMb: number | null;
  readonly loadSeconds: number;
  /** From the end of pgbench until every lane had acknowledged everything. */
  readonly drainSeconds: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}
