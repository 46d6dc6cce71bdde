import type { Connection } from '@platformatic/kafka';
import type { Clock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { BrokerAddress } from './broker-address.ts';
import { BrokerConnections } from './broker-connections.ts';
import { hasAnswer, toKafkaError } from './kafka-error.ts';
import type { ResolvedKafkaOptions } from './kafka-options.ts';
import type { KafkaClient } from './load-client.ts';
import { waitFor } from './wait-for.ts';

/** What the cluster says about a topic. */
export interface TopicState {
  readonly name: string;
  /** The broker that leads each partition, by partition; −1 for none. */
  readonly leaders: readonly number[];
  readonly replicationFactor: number;
  readonly readAtMs: number;
}

/** A topic that is to be made. */
export interface TopicPlan {
  readonly name: string;
  readonly partitionCount: number;
  /** −1: the brokers' default. */
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

const topicResource = 2;
const metadataMaxAgeMs = 10_000;
/** A broker that has just started, or a topic that was just made, may be unknown for a moment. */
const missingTopicPatienceMs = 1_000;
const missingTopicPauseMs = 100;
const noSuchTopic = ['UNKNOWN_TOPIC_OR_PARTITION'];

/**
 * Knows the brokers, the topics and who leads what. Fixed versions of the protocol's requests, which every broker since
 * Kafka 3.6 has, instead of a negotiation: fewer states, and a broker without them says so (HW-KAFKA-017).
 */
export class KafkaCluster implements AsyncDisposable {
  readonly client: KafkaClient;
  readonly #connections: BrokerConnections;
  readonly #options: ResolvedKafkaOptions;
  readonly #clock: Clock;
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #topics = new Map<string, TopicState>();

  constructor(client: KafkaClient, options: ResolvedKafkaOptions, clock: Clock) {
    this.client = client;
    this.#connections = new BrokerConnections(client, options);
    this.#options = options;
    this.#clock = clock;
  }

  /** Forgets who leads what: the next question goes to a broker. */
  forget(): void {
    this.#topics.clear();
  }

  /** Whether a topic exists now, as one broker knows it. */
  async hasTopic(name: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#askForTopics([name], signal)) === undefined;
  }

  /**
   * What is known of these topics; asks the brokers when it is older than ten seconds.
   * @throws HW-KAFKA-006 for a topic that does not exist, HW-KAFKA-003 when no broker answers.
   */
  async describeTopics(names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, TopicState>> {
    const oldestMs = this.#clock.monotonicMs() - metadataMaxAgeMs;
    const stale = names.filter((name) => (this.#topics.get(name)?.readAtMs ?? -Infinity) < oldestMs);
    if (stale.length > 0) await this.#readTopics(stale, signal);
    return this.#topics;
  }

  /** The connection to a broker by its number. */
  async connectionTo(nodeId: number, signal: AbortSignal): Promise<Connection> {
    const address = this.#brokers.get(nodeId);
    if (address === undefined) throw new HeadwaterError('HW-KAFKA-003', `broker ${nodeId} is not in the cluster now`);
    return this.#connections.get(address, signal);
  }

  /** The broker that coordinates the transactions of this id, and a connection to it. */
  async coordinatorOf(transactionalId: string, signal: AbortSignal): Promise<Connection> {
    const connection = await this.#anyConnection(signal);
    const transactionKey = 1;
    const answer = await waitFor(
      this.client.findCoordinatorV4.api.async(connection, transactionKey, [transactionalId]),
      signal,
    );
    const coordinator = answer.coordinators[0];
    if (coordinator === undefined) throw new HeadwaterError('HW-KAFKA-003', 'no broker coordinates transactions now');
    const { host, port } = coordinator;
    return this.#connections.get(this.#options.brokerAddress({ host, port }), signal);
  }

  /** Settings of topics by topic and name. Undefined when the user may not read them. */
  async describeSettings(
    topics: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, string>> | undefined> {
    const connection = await this.#anyConnection(signal);
    const resources = topics.map((resourceName) => ({ resourceType: topicResource, resourceName }) as const);
    try {
      const answer = await waitFor(this.client.describeConfigsV4.api.async(connection, resources), signal);
      return new Map(
        answer.results.map((result) => [
          result.resourceName,
          new Map(result.configs.map((config) => [config.name, config.value ?? ''])),
        ]),
      );
    } catch (thrown) {
      signal.throwIfAborted();
      if (hasAnswer(thrown, ['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'])) return undefined;
      throw toKafkaError(thrown, `the settings of ${topics.join(', ')} could not be read`);
    }
  }

  /** Makes a topic; that it exists already is no error. */
  async createTopic(plan: TopicPlan, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const connection = await this.#anyConnection(signal);
    const topic = {
      name: plan.name,
      numPartitions: plan.partitionCount,
      replicationFactor: plan.replicationFactor,
      assignments: [],
      configs: Object.entries(plan.settings).map(([name, value]) => ({ name, value })),
    };
    try {
      await waitFor(this.client.createTopicsV7.api.async(connection, [topic], timeoutMs, false), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!hasAnswer(thrown, ['TOPIC_ALREADY_EXISTS'])) throw thrown;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connections[Symbol.asyncDispose]();
  }

  async #readTopics(names: readonly string[], signal: AbortSignal): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + missingTopicPatienceMs;
    for (;;) {
      const missing = await this.#askForTopics(names, signal);
      if (missing === undefined) return;
      if (this.#clock.monotonicMs() >= deadlineMs) throw missingTopic(missing);
      await this.#clock.sleep(missingTopicPauseMs, signal);
    }
  }

  /** Undefined when all are known now, else the name of one that is not. */
  async #askForTopics(names: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const connection = await this.#anyConnection(signal);
    const mayCreate = false;
    let missing: string | undefined;
    try {
      const answer = await waitFor(this.client.metadataV12.api.async(connection, [...names], mayCreate), signal);
      this.#learn(answer);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!hasAnswer(thrown, noSuchTopic)) throw toKafkaError(thrown, `no metadata of ${names.join(', ')}`);
      missing = findMissing(thrown) ?? names[0];
    }
    return missing;
  }

  #learn(answer: MetadataAnswer): void {
    this.#brokers.clear();
    for (const { host, nodeId, port } of answer.brokers) {
      this.#brokers.set(nodeId, this.#options.brokerAddress({ host, port }));
    }
    const readAtMs = this.#clock.monotonicMs();
    for (const topic of answer.topics) {
      if (topic.name === null || topic.name === undefined) continue;
      const leaders = new Array<number>(topic.partitions.length).fill(-1);
      for (const partition of topic.partitions) leaders[partition.partitionIndex] = partition.leaderId;
      const replicationFactor = topic.partitions[0]?.replicaNodes.length ?? 0;
      this.#topics.set(topic.name, { name: topic.name, leaders, replicationFactor, readAtMs });
    }
  }

  /** A connection to whichever broker answers first, in the order known. */
  async #anyConnection(signal: AbortSignal): Promise<Connection> {
    let failure: unknown;
    for (const address of [...this.#brokers.values(), ...this.#options.brokers]) {
      try {
        return await this.#connections.get(address, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        failure = thrown;
        // Wrong credentials are wrong everywhere; asking every broker may lock the account.
        if (thrown instanceof HeadwaterError && thrown.policy === 'stop') break;
      }
    }
    throw toKafkaError(failure, 'no broker answers');
  }
}

interface MetadataAnswer {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly name?: string | null | undefined;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly leaderId: number;
      readonly replicaNodes: readonly number[];
    }[];
  }[];
}

/** The client throws for an answer that names one topic that is missing; the answer itself comes with the error. */
function findMissing(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('response' in thrown)) return undefined;
  const { response } = thrown;
  if (typeof response !== 'object' || response === null || !('topics' in response)) return undefined;
  const { topics } = response;
  if (!Array.isArray(topics)) return undefined;
  const unknownTopicCode = 3;
  for (const topic of topics as readonly unknown[]) {
    if (typeof topic !== 'object' || topic === null || !('errorCode' in topic) || !('name' in topic)) continue;
    if (topic.errorCode === unknownTopicCode && typeof topic.name === 'string') return topic.name;
  }
  return undefined;
}

function missingTopic(name: string): HeadwaterError {
  return new HeadwaterError('HW-KAFKA-006', `the topic "${name}" does not exist`, {
    details: { topic: name },
    hint: `Create it: kafka-topics.sh --bootstrap-server BROKER --create --topic '${name}' --partitions 12 --replication-factor 3 — choose the partition count for good.`,
  });
}
