import type { Component } from '../foundation/component.ts';
import type { HeadwaterError } from '../foundation/error.ts';
import type { Lsn } from '../model/lsn.ts';
import type { SourceReport } from './source-report.ts';

/** A lane that begins with a copy of all tables, and the sequence that it began behind. */
export interface LaneCopyRequest {
  readonly lane: string;
  readonly origin: string;
}

/**
 * Where changes come from: reads the source and puts whole transactions into its recorder, by itself, until it is stopped.
 * `start` resolves when the source streams; it rejects when it cannot, and nothing runs then.
 */
export interface ChangeSource extends Component {
  report(): SourceReport;
  /** Has the tables copied for these lanes; what was asked for before is not asked for again. */
  requestCopies(requests: readonly LaneCopyRequest[]): void;
  /**
   * Somebody waits until everything before `lsn` is recorded. Has an idle source say so at once, instead of at the next status; asked
   * again in vain, it writes a mark of its own, behind which PostgreSQL has flushed all that was in its memory.
   */
  requestProgress(lsn: Lsn): void;
  /** Resolves when the source runs no more: with the error that ended it, or undefined after `stop`. */
  readonly finished: Promise<HeadwaterError | undefined>;
}
