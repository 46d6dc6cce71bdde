import type { OutboundBatch } from '../../sink.ts';
import { type BatchLayout, type PlannedRecord, planMessages, type TopicLimits } from './batch-layout.ts';
import type { MessageOptions } from './outbound-message.ts';
import type { PartitionWrites } from './transactional-producer.ts';

interface LaidAhead {
  readonly writes: PartitionWrites[];
  /** What the layout rests on. */
  readonly limits: ReadonlyMap<string, TopicLimits>;
}

/** The messages of a batch, and the record batches that they were laid out into ahead of its turn. */
export class BatchPlan {
  readonly batch: OutboundBatch;
  /** Where the messages go, each topic once. */
  readonly topics: readonly string[];
  readonly #records: readonly PlannedRecord[];
  #ahead: LaidAhead | undefined;

  /** @throws HW-KAFKA-019, 020, 022, 023 */
  constructor(batch: OutboundBatch, options: MessageOptions) {
    this.batch = batch;
    this.#records = planMessages(batch, options);
    const topics = new Set<string>();
    for (const { messages } of this.#records) for (const message of messages) topics.add(message.topic);
    this.topics = [...topics];
  }

  /** Lays out by what is known of the topics now. @throws HW-KAFKA-008, and what `limitsOf` throws for one that is not known */
  layAhead(layout: BatchLayout, limitsOf: (topic: string) => TopicLimits): void {
    const limits = new Map(this.topics.map((topic) => [topic, limitsOf(topic)]));
    this.#ahead = { writes: layout.lay(this.#records, limitsOf), limits };
  }

  /** The record batches: those made ahead if the topics are still the same, once; else anew. @throws HW-KAFKA-008 */
  lay(layout: BatchLayout, limitsOf: (topic: string) => TopicLimits): PartitionWrites[] {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const isValid =
      ahead !== undefined && this.topics.every((topic) => isSame(ahead.limits.get(topic), limitsOf(topic)));
    return isValid ? ahead.writes : layout.lay(this.#records, limitsOf);
  }
}

function isSame(known: TopicLimits | undefined, now: TopicLimits): boolean {
  return (
    known !== undefined &&
    known.partitionCount === now.partitionCount &&
    known.batchBytesMax === now.batchBytesMax &&
    known.recordBytesMax === now.recordBytesMax
  );
}
