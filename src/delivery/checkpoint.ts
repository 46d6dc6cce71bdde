import type { Lsn } from '../model/lsn.ts';
import type { Sequence } from '../model/position.ts';

/**
 * The durable position of one lane: all transactions up to and with `sequence`, and the first `recordCount` records of the
 * next one, are acknowledged. `recordCount` counts records before the filter, so that a changed filter cannot shift it.
 */
export interface Checkpoint {
  readonly journalId: string;
  readonly sequence: Sequence;
  readonly recordCount: number;
  /** Source position of `sequence`; zero values before the first transaction. */
  readonly systemId: string;
  readonly timeline: number;
  readonly commitEndLsn: Lsn;
}
