import type { Connection } from '@platformatic/kafka';

import { CommittedReader } from '../../delivery/sinks/kafka/committed-reader.ts';
import { type KafkaClient, loadKafkaClient } from '../../delivery/sinks/kafka/load-client.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { systemRandom } from '../../foundation/random.ts';
import type { Effect } from './damage.ts';
import { parseDemoEvent, readStep } from './demo-event.ts';
import type { StageKafka } from './demo-stage.ts';

const PARTITION_COUNT = 3;
const FETCH_BYTES_MAX = 1_000_000;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/** A Kafka with a topic of the demo's own, which disposal deletes. */
export interface DemoKafka extends StageKafka, AsyncDisposable {}

/** Makes the topic. @throws HW-KAFKA-001 without the client's package, HW-DEMO-003 when no broker answers */
export async function openDemoKafka(brokers: string): Promise<DemoKafka> {
  const client = await loadKafkaClient();
  const topic = `headwater-demo-${Buffer.from(systemRandom.bytes(4)).toString('hex')}`;
  const admin = new client.Admin({ clientId: 'headwater-demo', bootstrapBrokers: brokers.split(','), retries: 2 });
  try {
    await admin.createTopics({ topics: [topic], partitions: PARTITION_COUNT, replicas: 1 });
  } catch (error) {
    await admin.close();
    throw HeadwaterError.from(error, 'HW-DEMO-003', `no topic can be made on ${brokers}`);
  }
  return {
    name: 'kafka',
    brokers,
    topic,
    readEffects: (prefix) => readEffects(client, { brokers, topic }, prefix),
    async [Symbol.asyncDispose]() {
      // The position topic is there only when Headwater came to work.
      for (const name of [topic, `${topic}-position`]) {
        await admin.deleteTopics({ topics: [name] }).catch(() => undefined);
      }
      await admin.close();
    },
  };
}

interface TopicPlace {
  readonly brokers: string;
  readonly topic: string;
}

/**
 * Reads the topic from its beginning to its present end, as a read-committed consumer that drops an event whose id it has
 * had, as the other stores do. Orders keep to their partition, so partitions may follow one another.
 */
async function readEffects(
  client: KafkaClient,
  { brokers, topic }: TopicPlace,
  prefix: string,
): Promise<readonly Effect[]> {
  // The demo's brokers are single ones: the bootstrap address leads all partitions.
  const [host = '', port = '9092'] = brokers.split(',')[0]?.split(':') ?? [];
  const connection = new client.Connection('headwater-demo');
  connection.on('error', () => undefined);
  try {
    await connection.connect(host, Number(port));
    const effects = new Map<string, Effect>();
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      for (const effect of await readPartition(client, connection, { topic, partition })) {
        if (effect.orderId.startsWith(prefix) && !effects.has(effect.eventId)) effects.set(effect.eventId, effect);
      }
    }
    return [...effects.values()];
  } catch (error) {
    throw HeadwaterError.from(error, 'HW-DEMO-002', 'Kafka cannot be asked');
  } finally {
    await connection.close();
  }
}

interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

async function readPartition(
  { fetchV12, listOffsetsV7 }: KafkaClient,
  connection: Connection,
  { topic, partition }: PartitionPlace,
): Promise<readonly Effect[]> {
  const asked = { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: -1n }] };
  // Not the end that a read-committed consumer sees: a transaction counts a moment before its markers are written.
  const offsets = await listOffsetsV7.api.async(connection, -1, READ_UNCOMMITTED, [asked]);
  const end = offsets.topics[0]?.partitions[0]?.offset ?? 0n;
  const reader = new CommittedReader(0n);
  const effects: Effect[] = [];
  while (reader.nextOffset < end) {
    const place = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: reader.nextOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: FETCH_BYTES_MAX,
    };
    const topics = [{ topicId: topic, partitions: [place] }];
    const answer = await fetchV12.api.async(connection, 100, 1, FETCH_BYTES_MAX, READ_COMMITTED, 0, -1, topics, [], '');
    const fetched = answer.responses[0]?.partitions[0];
    if (fetched === undefined)
      throw new HeadwaterError('HW-DEMO-002', `Kafka says nothing about ${topic}/${partition}`);
    const batches = { records: fetched.records ?? [], abortedTransactions: fetched.abortedTransactions };
    effects.push(...reader.take(batches).flatMap(({ value }) => parseEffect(value)));
  }
  return effects;
}

function parseEffect(value: Uint8Array | null | undefined): readonly Effect[] {
  const event = parseDemoEvent(JSON.parse(Buffer.from(value ?? []).toString('utf8') || 'null'));
  const step = event === undefined ? undefined : readStep(event.type);
  return event === undefined || step === undefined ? [] : [{ eventId: event.id, orderId: event.orderId, step }];
}
