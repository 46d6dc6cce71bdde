import type { Connection } from '@platformatic/kafka';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { KafkaCluster } from './cluster.ts';
import type { HangingPartition, LastTransaction } from './hanging-transaction.ts';
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

/**
 * Partitions of the topics in which this producer's transaction is open. Topics that are gone, or that this user may not read,
 * are left out. @throws HW-KAFKA-003 while a leader is away
 */
export async function findOpenPartitions(
  cluster: KafkaCluster,
  producerId: bigint,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<readonly HangingPartition[]> {
  const found = await Promise.all(topics.map((topic) => findInTopic(cluster, { producerId, topic, signal })));
  return found.flat();
}

async function findInTopic(
  cluster: KafkaCluster,
  { producerId, signal, topic }: { readonly producerId: bigint; readonly topic: string; readonly signal: AbortSignal },
): Promise<readonly HangingPartition[]> {
  try {
    const leaders = (await cluster.describeTopics([topic], signal)).get(topic)?.leaders ?? [];
    const byLeader = Map.groupBy(leaders.keys(), (partition) => leaders[partition] ?? -1);
    const open: HangingPartition[] = [];
    for (const [leader, partitionIndexes] of byLeader) {
      const connection = await cluster.connectionTo(leader, signal);
      const answer = await waitFor(
        cluster.client.describeProducersV0.api.async(connection, [{ name: topic, partitionIndexes }]),
        signal,
      );
      for (const { activeProducers, partitionIndex } of answer.topics.flatMap(({ partitions }) => partitions)) {
        const own = activeProducers.find((producer) => producer.producerId === producerId);
        if (own === undefined || own.currentTxnStartOffset < 0n) continue;
        open.push({ topic, partition: partitionIndex, startOffset: own.currentTxnStartOffset });
      }
    }
    return open;
  } catch (thrown) {
    signal.throwIfAborted();
    const isGone = thrown instanceof HeadwaterError && thrown.code === 'HW-KAFKA-006';
    if (isGone || hasAnswer(thrown, unknownHere)) return [];
    throw toKafkaError(thrown, `no producers of ${topic}`);
  }
}
