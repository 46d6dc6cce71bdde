/** A batch that a broker has taken: its first offset and how many records it has. */
export interface TakenBatch {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: bigint;
  readonly recordCount: number;
}

/** A batch that was sent. */
export interface SentBatch {
  readonly topic: string;
  readonly partition: number;
  readonly recordCount: number;
}

/** The next offset that a partition can give, as far as this producer knows: all before it is taken. */
export type NextOffsets = ReadonlyMap<string, bigint>;

/** What the offsets say: go on with these, or stop. */
export type OffsetVerdict =
  | { readonly kind: 'sound'; readonly next: NextOffsets }
  | {
      readonly kind: 'violation';
      readonly topic: string;
      readonly partition: number;
      readonly reason: string;
    };

/**
 * Judges the base offsets that the brokers returned for the batches of one transaction, in the order in which they were sent.
 *
 * The rule. The records of one batch take the offsets `base … base + n − 1`, without a gap: the broker numbers a batch as a
 * whole. So n records are distinct and contiguous when (1) every batch that was sent has one answer, for its own partition;
 * (2) `base` is not negative; (3) `base` lies at or behind the next offset of its partition, that is behind every record this
 * producer knows to be there. Between two batches a gap is normal and says nothing: other producers write, and every
 * transaction ends with a marker that takes one offset in each of its partitions. A marker that is missing is no reason to stop:
 * the transaction before hangs in that partition, and the commit of this one ends it rightly, where an abort would make
 * consumers leave out what was acknowledged. A base that is lower means that the same offset was given out twice or that the
 * log went back.
 */
export function judgeOffsets(
  sent: readonly SentBatch[],
  taken: readonly (TakenBatch | undefined)[],
  known: NextOffsets,
): OffsetVerdict {
  const next = new Map(known);
  for (const [index, batch] of sent.entries()) {
    const answer = taken[index];
    const { topic, partition } = batch;
    const violation = (reason: string): OffsetVerdict => ({ kind: 'violation', topic, partition, reason });
    if (answer === undefined || answer.topic !== topic || answer.partition !== partition) {
      return violation('the broker gave no offset for a batch');
    }
    const { baseOffset } = answer;
    const place = partitionPlace(topic, partition);
    const lowest = next.get(place) ?? 0n;
    if (baseOffset < lowest) {
      return violation(`the broker gave offset ${baseOffset}; everything before ${lowest} is taken`);
    }
    next.set(place, baseOffset + BigInt(batch.recordCount));
  }
  return { kind: 'sound', next };
}

/** A name for a partition; a topic's name holds no colon. */
export function partitionPlace(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

/** The topic of such a name. */
export function topicOfPlace(place: string): string {
  return place.slice(0, place.lastIndexOf(':'));
}
