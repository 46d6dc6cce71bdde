import { HeadwaterError } from '../../../foundation/error.ts';
import type { TopicLimits } from './batch-layout.ts';
import type { KafkaCluster } from './cluster.ts';
import type { ResolvedKafkaOptions } from './kafka-options.ts';
import { judgePartitionCounts } from './partition-counts.ts';
import type { PartitionCounts } from './position-record.ts';

/** Kafka's default of `max.message.bytes`, for users who may not read the topic's settings. */
const defaultMessageBytesMax = 1_048_588;

/** What the lane knows of its topics: limits, and the partition counts that its order rests on. */
export class TopicRegistry {
  readonly #cluster: KafkaCluster;
  readonly #options: ResolvedKafkaOptions;
  readonly #batchBytesMax = new Map<string, number>();
  #counts: PartitionCounts = new Map();

  constructor(cluster: KafkaCluster, options: ResolvedKafkaOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** The topics that the lane has written to. */
  get names(): readonly string[] {
    return [...this.#counts.keys()];
  }

  /** Takes over what the position topic remembers. */
  restore(counts: PartitionCounts): void {
    this.#counts = counts;
  }

  /**
   * Makes sure that the topics are there as the lane knows them. Returns the partition counts when they are to be written with
   * the batch, because a topic is new to the lane. Call `restore` with them once they are committed.
   * @throws HW-KAFKA-006 for a missing topic, HW-KAFKA-012 for another partition count.
   */
  async prepare(topics: readonly string[], signal: AbortSignal): Promise<PartitionCounts | undefined> {
    const states = await this.#cluster.describeTopics(topics, signal);
    const found = new Map(topics.map((topic) => [topic, states.get(topic)?.leaders.length ?? 0]));
    const verdict = judgePartitionCounts(this.#counts, found, this.#options.acceptPartitionCounts);
    if (verdict.kind === 'changed') throw changedCount(verdict);
    const unread = topics.filter((topic) => !this.#batchBytesMax.has(topic));
    if (unread.length > 0) await this.#readLimits(unread, signal);
    this.#limits.clear();
    for (const [topic, partitionCount] of found) {
      const batchBytesMax = this.#batchBytesMax.get(topic) ?? defaultMessageBytesMax;
      this.#limits.set(topic, { partitionCount, batchBytesMax, recordBytesMax: this.#options.recordBytesMax });
    }
    return verdict.isNew ? verdict.counts : undefined;
  }

  readonly #limits = new Map<string, TopicLimits>();

  /** What was prepared for a topic. */
  limitsOf(topic: string): TopicLimits {
    const limits = this.#limits.get(topic);
    if (limits === undefined) throw new HeadwaterError('HW-INTERNAL-002', `the topic "${topic}" was not prepared`);
    return limits;
  }

  async #readLimits(topics: readonly string[], signal: AbortSignal): Promise<void> {
    const settings = await this.#cluster.describeSettings(topics, signal);
    for (const topic of topics) {
      const limit = Number(settings?.get(topic)?.get('max.message.bytes') ?? defaultMessageBytesMax);
      this.#batchBytesMax.set(topic, Number.isSafeInteger(limit) && limit > 0 ? limit : defaultMessageBytesMax);
    }
  }
}

function changedCount(change: {
  readonly topic: string;
  readonly known: number;
  readonly found: number;
}): HeadwaterError {
  const { found, known, topic } = change;
  return new HeadwaterError('HW-KAFKA-012', `the topic "${topic}" has ${found} partitions; the lane knew ${known}`, {
    details: { topic, known, found },
    hint: `Send the records to a new topic with ${found} partitions from a new lane, or accept the change with acceptPartitionCounts: { '${topic}': ${found} }: the order of a key across it is then given up.`,
  });
}
