import { type Lsn, lsnZero } from '../model/lsn.ts';
import type { Sequence } from '../model/position.ts';

/**
 * The durable position of one lane: all transactions up to and with `sequence`, and the first `recordCount` records of the
 * next one, are acknowledged. `recordCount` counts records before the filter, so that a changed filter cannot shift it.
 */
export interface Checkpoint {
  readonly journalId: string;
  readonly sequence: Sequence;
  readonly recordCount: number;
  /**
   * Batches of parked records that took effect since the checkpoint came to this place. Their records lie before it, so nothing
   * else tells a checkpoint with them from one without. Absent: none.
   */
  readonly releaseCount?: number;
  /** Source position and commit time of `sequence`; zero values as long as the lane has met no transaction. */
  readonly systemId: string;
  readonly timeline: number;
  readonly commitEndLsn: Lsn;
  readonly commitTimeMicros: bigint;
}

/** Which of two checkpoints of one journal lies further: negative, zero or positive as for `sort`. */
export function compareCheckpoints(left: Checkpoint, right: Checkpoint): number {
  if (left.sequence !== right.sequence) return left.sequence < right.sequence ? -1 : 1;
  return left.recordCount - right.recordCount || (left.releaseCount ?? 0) - (right.releaseCount ?? 0);
}

/** Whether both stand for the same place of the same journal. */
export function isSameCheckpoint(left: Checkpoint, right: Checkpoint): boolean {
  return left.journalId === right.journalId && compareCheckpoints(left, right) === 0;
}

/** The place behind `sequence` when nothing is known of that transaction: where a new lane begins. */
export function checkpointBehind(journalId: string, sequence: Sequence): Checkpoint {
  return {
    journalId,
    sequence,
    recordCount: 0,
    systemId: '',
    timeline: 0,
    commitEndLsn: lsnZero,
    commitTimeMicros: 0n,
  };
}
