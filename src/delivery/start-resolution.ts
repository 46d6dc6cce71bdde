import { HeadwaterError } from '../foundation/error.ts';
import { type Sequence, toSequence } from '../model/position.ts';
import { type Checkpoint, checkpointBehind } from './checkpoint.ts';
import type { LaneStart } from './lane-options.ts';

/** What there is to start in. */
export interface StartContext {
  readonly journalId: string;
  /** Oldest transaction still kept. */
  readonly first: Sequence;
  /** Newest durable transaction. */
  readonly last: Sequence;
  /** The last sequence that committed before the time of `{ at }`; unused otherwise. */
  readonly located: Sequence;
}

/** Where a lane without a checkpoint begins. Pure. */
export function resolveStart(start: LaneStart, context: StartContext): Checkpoint {
  return checkpointBehind(context.journalId, startSequence(start, context));
}

function startSequence(start: LaneStart, { first, last, located }: StartContext): Sequence {
  if (start === 'beginning') return toSequence(first - 1n);
  return typeof start === 'string' ? last : located;
}

/**
 * Whether a lane may go on from a checkpoint in this journal.
 * @throws HW-LANE-001 another journal, HW-LANE-002 beyond its end, HW-LANE-003 behind its oldest kept transaction, naming the gap.
 */
export function assertCheckpointFits(checkpoint: Checkpoint, context: Omit<StartContext, 'located'>): void {
  const { journalId, first, last } = context;
  if (checkpoint.journalId !== journalId) {
    const message = `the checkpoint belongs to journal ${checkpoint.journalId}, this is ${journalId}`;
    throw new HeadwaterError('HW-LANE-001', message, { details: { recorded: checkpoint.journalId, found: journalId } });
  }
  if (checkpoint.sequence > last || (checkpoint.sequence === last && checkpoint.recordCount > 0)) {
    const message = `the checkpoint stands at sequence ${checkpoint.sequence}, the journal ends at ${last}`;
    throw new HeadwaterError('HW-LANE-002', message, {
      details: { checkpoint: String(checkpoint.sequence), last: String(last) },
    });
  }
  if (checkpoint.sequence + 1n < first) {
    const from = checkpoint.sequence + 1n;
    const message = `the lane needs sequence ${from} next, the journal begins at ${first}: ${from}–${first - 1n} are gone`;
    throw new HeadwaterError('HW-LANE-003', message, { details: { gapFrom: String(from), gapTo: String(first - 1n) } });
  }
}
