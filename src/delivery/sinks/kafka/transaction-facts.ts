import type { Connection } from '@platformatic/kafka';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { KafkaCluster } from './cluster.ts';
import type { LastTransaction, ProducerPlace } from './hanging-transaction.ts';
import { hasAnswer, toKafkaError } from './kafka-error.ts';
import { partitionPlace } from './offset-check.ts';
import { waitFor } from './wait-for.ts';

/** What the coordinator says of the last transaction of an id; undefined when it knows none, or this user may not ask. */
export async function describeLastTransaction(
  { client }: KafkaCluster,
  coordinator: Connection,
  transactionalId: string,
  signal: AbortSignal,
): Promise<LastTransaction | undefined> {
  try {
    const { transactionStates } = await waitFor(
      client.describeTransactionsV0.api.async(coordinator, [transactionalId]),
      signal,
    );
    const [found] = transactionStates;
    if (found === undefined) return undefined;
    const places = found.topics.flatMap(({ partitions, topic }) => partitions.map((one) => partitionPlace(topic, one)));
    return { state: found.transactionState, places: new Set(places) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (hasAnswer(thrown, ['TRANSACTIONAL_ID_NOT_FOUND', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'])) return undefined;
    throw thrown;
  }
}

const unknownHere = ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'];

/** What is asked of the leaders, and of whom. */
export interface ProducerQuestion {
  readonly producerId: bigint;
  readonly topics: readonly string[];
  /** Partitions without a leader are left out; otherwise they are an error that waiting mends. */
  readonly skipsLeaderless: boolean;
}

/**
 * What the leaders of the topics know of this producer. Topics that are gone, or that this user may not read, are left out.
 * @throws HW-KAFKA-003 while a leader is away
 */
export async function describeProducer(
  cluster: KafkaCluster,
  question: ProducerQuestion,
  signal: AbortSignal,
): Promise<readonly ProducerPlace[]> {
  const found = await Promise.all(
    question.topics.map((topic) => describeInTopic(cluster, topic, { question, signal })),
  );
  return found.flat();
}

async function describeInTopic(
  cluster: KafkaCluster,
  topic: string,
  { question, signal }: { readonly question: ProducerQuestion; readonly signal: AbortSignal },
): Promise<readonly ProducerPlace[]> {
  const { producerId, skipsLeaderless } = question;
  try {
    const leaders = (await cluster.describeTopics([topic], signal)).get(topic)?.leaders ?? [];
    const byLeader = Map.groupBy(leaders.keys(), (partition) => leaders[partition] ?? -1);
    if (skipsLeaderless) byLeader.delete(-1);
    const known: ProducerPlace[] = [];
    for (const [leader, partitionIndexes] of byLeader) {
      const connection = await cluster.connectionTo(leader, signal);
      const answer = await waitFor(
        cluster.client.describeProducersV0.api.async(connection, [{ name: topic, partitionIndexes }]),
        signal,
      );
      for (const { activeProducers, partitionIndex } of answer.topics.flatMap(({ partitions }) => partitions)) {
        const own = activeProducers.find((producer) => producer.producerId === producerId);
        if (own === undefined) continue;
        const { currentTxnStartOffset: startOffset, lastSequence } = own;
        known.push({ topic, partition: partitionIndex, startOffset, lastSequence });
      }
    }
    return known;
  } catch (thrown) {
    signal.throwIfAborted();
    const isGone = thrown instanceof HeadwaterError && thrown.code === 'HW-KAFKA-006';
    if (isGone || hasAnswer(thrown, unknownHere)) return [];
    throw toKafkaError(thrown, `no producers of ${topic}`);
  }
}
