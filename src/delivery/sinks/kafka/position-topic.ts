import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { KafkaCluster } from './cluster.ts';
import { hasAnswer, toKafkaError } from './kafka-error.ts';
import { CommittedReader } from './committed-reader.ts';
import { foldPositionRecord, type LaneRecords, type PositionOwner } from './position-record.ts';
import { waitFor } from './wait-for.ts';

/** Whose positions are read, and where. */
export interface PositionTopicOptions {
  readonly topic: string;
  readonly owner: PositionOwner;
  readonly requestTimeoutMs: number;
  /** How long another lane's open transaction may hold the end of the topic back. */
  readonly patienceMs: number;
  readonly clock: Clock;
}

/** Small segments: the topic is read from its beginning, and only closed segments are compacted. */
const topicSettings = {
  'cleanup.policy': 'compact',
  'segment.bytes': '16777216',
  'min.cleanable.dirty.ratio': '0.1',
} as const;

const nothingKnown: LaneRecords = { position: undefined, counts: new Map() };
const partition = 0;
const fetchBytesMax = 4 * 1024 * 1024;
const fetchWaitMs = 50;
const readCommitted = 1;
const readUncommitted = 0;
const latest = -1n;
const earliest = -2n;

/** The compacted topic in which every lane keeps its place, in one partition. */
export class PositionTopic {
  readonly #cluster: KafkaCluster;
  readonly #options: PositionTopicOptions;
  #reader: CommittedReader | undefined;
  #known: LaneRecords = nothingKnown;

  constructor(cluster: KafkaCluster, options: PositionTopicOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /**
   * Makes the topic when it is missing and checks it.
   * @throws HW-KAFKA-007 with the command when it cannot be made, is not compacted, or has more than one partition.
   */
  async ensure(signal: AbortSignal): Promise<void> {
    const { topic } = this.#options;
    if (!(await this.#cluster.hasTopic(topic, signal))) await this.#create(signal);
    const state = await this.#describe(signal);
    // It was there, or was made, a moment ago: brokers that restart come to know it late.
    if (state === undefined) throw new HeadwaterError('HW-KAFKA-003', `no broker knows the topic "${topic}" yet`);
    if (state.leaders.length !== 1) throw this.#unfit(`it has ${state.leaders.length} partitions`);
    const settings = (await this.#cluster.describeSettings([topic], signal))?.get(topic);
    const policy = settings?.get('cleanup.policy');
    if (policy !== undefined && policy !== 'compact') {
      const hint = `kafka-configs.sh --bootstrap-server BROKER --alter --entity-type topics --entity-name '${topic}' --add-config cleanup.policy=compact`;
      throw this.#unfit(`its cleanup.policy is "${policy}", which deletes positions`, hint);
    }
  }

  /** What is committed for this lane now, without waiting for open transactions: perhaps not its last position. */
  async peek(signal: AbortSignal): Promise<LaneRecords> {
    return this.#readUpTo(await this.#offsetAt(latest, readCommitted, signal), signal);
  }

  /**
   * What is committed for this lane. The end is asked for without regard to open transactions and then read with
   * isolation read_committed: the answer waits for whatever is still open there, so that no committed position behind another
   * lane's open transaction is missed. Call only when this lane's own transactions have ended.
   * @throws HW-KAFKA-003 when another writer's transaction stays open for longer than the time-out of transactions.
   */
  async read(signal: AbortSignal): Promise<LaneRecords> {
    return this.#readUpTo(await this.#offsetAt(latest, readUncommitted, signal), signal);
  }

  /** Reads on from where the last reading ended. */
  async #readUpTo(end: bigint, signal: AbortSignal): Promise<LaneRecords> {
    const { clock, owner, patienceMs, topic } = this.#options;
    const start = await this.#offsetAt(earliest, readUncommitted, signal);
    // An end before what was read: the topic was made anew.
    if (this.#reader === undefined || end < this.#reader.nextOffset || this.#reader.nextOffset < start) {
      this.#reader = new CommittedReader(start);
      this.#known = nothingKnown;
    }
    const reader = this.#reader;
    const deadlineMs = clock.monotonicMs() + patienceMs;
    while (reader.nextOffset < end) {
      const answer = await this.#fetch(reader.nextOffset, signal);
      for (const record of reader.take(answer)) this.#known = foldPositionRecord(this.#known, owner, record);
      if ((answer.records?.length ?? 0) > 0) continue;
      // Compaction may have removed what stood last.
      if (answer.lastStableOffset >= end) break;
      if (clock.monotonicMs() < deadlineMs) continue;
      throw new HeadwaterError('HW-KAFKA-003', `a transaction of another writer stays open in the topic "${topic}"`);
    }
    return this.#known;
  }

  async #describe(signal: AbortSignal): Promise<{ readonly leaders: readonly number[] } | undefined> {
    try {
      return (await this.#cluster.describeTopics([this.#options.topic], signal)).get(this.#options.topic);
    } catch (thrown) {
      if (thrown instanceof HeadwaterError && thrown.code === 'HW-KAFKA-006') return undefined;
      throw thrown;
    }
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { requestTimeoutMs, topic } = this.#options;
    const brokersDefault = -1;
    const plan = { name: topic, partitionCount: 1, replicationFactor: brokersDefault, settings: topicSettings };
    try {
      await this.#cluster.createTopic(plan, requestTimeoutMs, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      const isForbidden = hasAnswer(thrown, [
        'TOPIC_AUTHORIZATION_FAILED',
        'CLUSTER_AUTHORIZATION_FAILED',
        'POLICY_VIOLATION',
      ]);
      // So does a cluster answer whose brokers are only just coming back.
      if (hasAnswer(thrown, ['INVALID_REPLICATION_FACTOR'])) {
        throw new HeadwaterError('HW-KAFKA-009', `too few brokers are there to make the position topic "${topic}"`, {
          cause: thrown,
        });
      }
      if (isForbidden) throw this.#unfit('it does not exist and this user may not make it', undefined, thrown);
      throw toKafkaError(thrown, `the topic "${topic}" could not be made`);
    }
  }

  async #offsetAt(timestamp: bigint, isolation: number, signal: AbortSignal): Promise<bigint> {
    const { topic } = this.#options;
    try {
      const connection = await this.#leader(signal);
      const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }];
      const answer = await waitFor(
        this.#cluster.client.listOffsetsV7.api.async(connection, -1, isolation, [{ name: topic, partitions }]),
        signal,
      );
      const offset = answer.topics[0]?.partitions[0]?.offset;
      if (offset !== undefined) return offset;
      throw new HeadwaterError('HW-KAFKA-003', `the broker did not say where the topic "${topic}" ends`);
    } catch (thrown) {
      throw this.#failed(thrown, signal);
    }
  }

  async #fetch(fetchOffset: bigint, signal: AbortSignal): Promise<FetchedPartition> {
    const { topic } = this.#options;
    const place = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: fetchBytesMax,
    };
    // The client names the topic `topicId` in every version of the request; version 12 sends a name there.
    const topics = [{ topicId: topic, partitions: [place] }];
    try {
      const connection = await this.#leader(signal);
      const { fetchV12 } = this.#cluster.client;
      const answer = await waitFor(
        fetchV12.api.async(connection, fetchWaitMs, 1, fetchBytesMax, readCommitted, 0, -1, topics, [], ''),
        signal,
      );
      const fetched = answer.responses[0]?.partitions[0];
      if (fetched !== undefined) return { ...fetched, records: fetched.records ?? null };
      throw new HeadwaterError('HW-KAFKA-003', `the broker did not answer for the topic "${topic}"`);
    } catch (thrown) {
      throw this.#failed(thrown, signal);
    }
  }

  async #leader(signal: AbortSignal): ReturnType<KafkaCluster['connectionTo']> {
    const { topic } = this.#options;
    const state = (await this.#cluster.describeTopics([topic], signal)).get(topic);
    return this.#cluster.connectionTo(state?.leaders[partition] ?? -1, signal);
  }

  #failed(thrown: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    this.#cluster.forget();
    return toKafkaError(thrown, `the topic "${this.#options.topic}" could not be read`);
  }

  #unfit(reason: string, hint?: string, cause?: unknown): HeadwaterError {
    const { topic } = this.#options;
    const settings = Object.entries(topicSettings)
      .map(([name, value]) => ` --config ${name}=${value}`)
      .join('');
    return new HeadwaterError('HW-KAFKA-007', `the position topic "${topic}" is not fit: ${reason}`, {
      details: { topic },
      hint:
        hint ??
        `kafka-topics.sh --bootstrap-server BROKER --create --topic '${topic}' --partitions 1 --replication-factor 3${settings}`,
      cause,
    });
  }
}

type FetchedPartition = Parameters<CommittedReader['take']>[0] & { readonly lastStableOffset: bigint };
