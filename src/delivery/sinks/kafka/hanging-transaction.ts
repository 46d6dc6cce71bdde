import type { NextOffsets } from './offset-check.ts';
import { partitionPlace } from './offset-check.ts';

/*
 * A transaction hangs in a partition when the coordinator has ended it and the partition never got its marker: consumers with
 * isolation read_committed then wait there for ever, and the next marker of the same producer, of whatever transaction, decides
 * about it as well. Brokers of Kafka 4 leave one behind when a partition has no leader at the moment in which the markers are
 * sent (`getPartitionLeaderEndpoint` says "none", which the coordinator takes for a deleted partition); seen with 4.3.1 in a
 * broker's shutdown. https://cwiki.apache.org/confluence/display/KAFKA/KIP-664
 */

/** What the leader of a partition knows of a producer. */
export interface ProducerPlace {
  readonly topic: string;
  readonly partition: number;
  /** Where its open transaction begins; negative: none is open. */
  readonly startOffset: bigint;
  /** Sequence number of its last record; negative: none of this epoch. */
  readonly lastSequence: number;
}

/** Where a transaction of a producer is open although the coordinator has ended it. */
export type HangingPartition = Omit<ProducerPlace, 'lastSequence'>;

/** What the coordinator knew of the last transaction before a new epoch was taken. */
export interface LastTransaction {
  /** Kafka's word: `Ongoing`, `CompleteCommit`, …; `Unclear` when it was seen open and ended without being seen. */
  readonly state: string;
  /** Its partitions, as far as it was open when it was looked at. */
  readonly places: ReadonlySet<string>;
}

/** How a transaction that hangs is to be ended. */
export type Ending = 'commit' | 'abort' | 'unknown';

/** Puts together what was seen at several looks, the last of which comes right before an epoch is asked for. Pure. */
export function seeAgain(
  before: LastTransaction | undefined,
  now: LastTransaction | undefined,
): LastTransaction | undefined {
  // `Empty`: an epoch was taken since, and the coordinator forgot.
  if (now === undefined || now.state === 'Empty' || now.state === 'Dead') return before;
  return { state: now.state, places: now.places.size > 0 ? now.places : (before?.places ?? now.places) };
}

/**
 * What is known once an epoch was given. An open transaction makes the coordinator refuse the first request for one and abort it;
 * when it did not refuse, the transaction had ended meanwhile, one way or the other. Pure.
 */
export function seeEpochGiven(last: LastTransaction | undefined): LastTransaction | undefined {
  return last?.state === 'Ongoing' ? { ...last, state: 'Unclear' } : last;
}

/**
 * How the transaction that hangs in a partition ended. Pure.
 *
 * @param acknowledged the next offset of each partition behind what this process knows to be committed
 */
export function decideEnding(
  { partition, startOffset, topic }: HangingPartition,
  last: LastTransaction | undefined,
  acknowledged: NextOffsets,
): Ending {
  const place = partitionPlace(topic, partition);
  if (startOffset < (acknowledged.get(place) ?? 0n)) return 'commit';
  switch (last?.state) {
    case 'PrepareCommit':
    case 'CompleteCommit':
      return 'commit';
    case 'PrepareAbort':
    case 'CompleteAbort':
    case 'PrepareEpochFence':
      // Without its partitions: the one before, which was committed, may as well be what hangs.
      if (last.places.size === 0) return 'unknown';
      return last.places.has(place) ? 'abort' : 'commit';
    default:
      return 'unknown';
  }
}

/** A transaction that this process has begun and the coordinator holds open. */
export interface BegunTransaction {
  readonly places: ReadonlySet<string>;
  /** The number of its first record in each place that it was to write to. */
  readonly firstSequences: ReadonlyMap<string, number>;
}

/**
 * Whether a transaction of unknown outcome is to be committed instead of given up: it wrote nothing, and the one before it, which
 * was acknowledged, hangs in one of its partitions, so that giving it up would end that one as well. Pure.
 */
export function isEmptyBehindHanging(
  { firstSequences, places }: BegunTransaction,
  known: readonly ProducerPlace[],
  acknowledged: NextOffsets,
): boolean {
  const concerned = known.filter(({ partition, topic }) => places.has(partitionPlace(topic, partition)));
  const hangs = concerned.some(({ partition, startOffset, topic }) => {
    return startOffset >= 0n && startOffset < (acknowledged.get(partitionPlace(topic, partition)) ?? 0n);
  });
  const isEmpty = concerned.every(({ lastSequence, partition, topic }) => {
    const first = firstSequences.get(partitionPlace(topic, partition));
    return first === undefined || lastSequence < 0 || lastSequence === ((first - 1) & 0x7fff_ffff);
  });
  return hangs && isEmpty;
}
