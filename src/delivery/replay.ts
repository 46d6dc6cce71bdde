import { HeadwaterError } from '../foundation/error.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import { type Sequence, toSequence } from '../model/position.ts';
import { type Checkpoint, checkpointBehind } from './checkpoint.ts';
import type { Lane } from './lane.ts';
import type { SinkDefinition } from './sink.ts';

/** The transactions that a lane delivers again, first and last. */
export interface ReplayRange {
  readonly from: Sequence;
  /** Where the lane stood: a replay never ends before, or a key would be left at an older state. */
  readonly through: Sequence;
}

/** What a replay is decided by. */
export interface ReplayFacts {
  readonly laneName: string;
  readonly sink: Pick<SinkDefinition, 'kind' | 'replay'>;
  /** The oldest transaction that the journal keeps. */
  readonly first: Sequence;
  /** The sequence that the lane began behind, and the one that it has acknowledged; undefined: it was never started. */
  readonly origin: bigint | undefined;
  readonly acknowledged: bigint | undefined;
}

/**
 * Which range a replay from a transaction, or from the beginning, delivers again. Pure.
 * @throws HW-LANE-020 where the sink takes nothing twice, HW-LANE-021 for a range that the journal or the lane does not have
 */
export function planReplay(from: bigint | 'beginning', facts: ReplayFacts): ReplayRange {
  const { acknowledged, first, laneName, origin, sink } = facts;
  if (sink.replay !== 'idempotent') {
    throw new HeadwaterError('HW-LANE-020', `lane "${laneName}" leads to ${sink.kind}, which takes nothing twice`, {
      details: { lane: laneName, sink: sink.kind },
    });
  }
  if (acknowledged === undefined || origin === undefined) throw refuse(facts, 'it was never started');
  const oldest = first > origin ? first : origin + 1n;
  const start = from === 'beginning' ? oldest : from;
  if (start < first) throw refuse(facts, `sequence ${start} is asked for, and the journal begins at ${first}`);
  if (start < oldest) throw refuse(facts, `sequence ${start} is asked for, and the lane began at ${oldest}`);
  if (start > acknowledged) {
    throw refuse(facts, `sequence ${start} is asked for, and the lane has acknowledged up to ${acknowledged}`);
  }
  return { from: toSequence(start), through: toSequence(acknowledged) };
}

function refuse({ laneName }: ReplayFacts, reason: string): HeadwaterError {
  return new HeadwaterError('HW-LANE-021', `lane "${laneName}" cannot be replayed: ${reason}`, {
    details: { lane: laneName },
  });
}

/** What a replay works on; lent. Nothing may be removed from the journal meanwhile. */
export interface ReplayPlace {
  readonly lane: Lane;
  readonly sink: ReplayFacts['sink'];
  readonly reader: Pick<JournalReader, 'extent' | 'journalId'>;
}

/**
 * Moves a lane back, and lets it go on: what lies between is delivered again, all of it and in order, and then what is new. The
 * lane holds the journal from there on. Durable when it resolves: a crash in the middle goes on in the middle. A lane that was
 * paused stays paused, at the earlier place. What was parked behind that place is met again; what was dropped stays dropped.
 * @throws as `planReplay`, with the lane as it was; HW-LANE-012 for one that is stopped
 */
export async function replayLane(
  from: bigint | 'beginning',
  { lane, sink, reader }: ReplayPlace,
): Promise<ReplayRange> {
  const { condition } = lane.status();
  if (condition === 'stopped') throw new HeadwaterError('HW-LANE-012', `lane "${lane.name}" is stopped`);
  planReplay(from, await factsOf({ lane, sink, reader }));
  await lane.pause();
  try {
    // It went on until it was paused.
    const range = planReplay(from, await factsOf({ lane, sink, reader }));
    lane.rewind(placeBefore(range.from, reader.journalId));
    return range;
  } finally {
    if (condition !== 'paused') await lane.resume();
  }
}

function placeBefore(sequence: Sequence, journalId: string): Checkpoint {
  return checkpointBehind(journalId, toSequence(sequence - 1n));
}

async function factsOf({ lane, sink, reader }: ReplayPlace): Promise<ReplayFacts> {
  const { first } = await reader.extent();
  const { checkpoint, origin } = lane.status();
  return { laneName: lane.name, sink, first, origin, acknowledged: checkpoint?.sequence };
}
