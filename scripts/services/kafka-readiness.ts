import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import { systemClock } from '../../src/foundation/clock.ts';
import { systemRandom } from '../../src/foundation/random.ts';

const ATTEMPT_PAUSE_MS = 50;
const WARM_UP_TOPIC = 'headwater-warm-up';

export interface ReadinessOptions {
  readonly brokers: readonly string[];
  readonly timeoutMs: number;
  /** Asked between attempts; throws when waiting is pointless. */
  readonly assertAlive: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Waits until a broker answers and has committed a transaction. A port that accepts is not a ready broker: the first group
 * and the first transaction make internal topics, and until these are loaded every client meets retriable errors.
 */
export async function waitForKafka(options: ReadinessOptions): Promise<void> {
  const deadline = systemClock.monotonicMs() + options.timeoutMs;
  await attempt(options, deadline, () => createWarmUpTopic(options.brokers));
  await attempt(options, deadline, () => commitTransaction(options.brokers));
}

async function attempt(options: ReadinessOptions, deadline: number, work: () => Promise<void>): Promise<void> {
  for (;;) {
    options.signal?.throwIfAborted();
    options.assertAlive();
    try {
      return await work();
    } catch (error) {
      if (systemClock.monotonicMs() > deadline) {
        throw new Error(`Kafka at ${options.brokers.join(',')} was not ready within ${options.timeoutMs} ms`, {
          cause: error,
        });
      }
      await systemClock.sleep(ATTEMPT_PAUSE_MS, options.signal);
    }
  }
}

async function createWarmUpTopic(brokers: readonly string[]): Promise<void> {
  const admin = new Admin({
    clientId: 'headwater-services',
    bootstrapBrokers: [...brokers],
    retries: 0,
    connectTimeout: 1_000,
  });
  try {
    const topics = await admin.listTopics();
    if (!topics.includes(WARM_UP_TOPIC))
      await admin.createTopics({ topics: [WARM_UP_TOPIC], partitions: 1, replicas: 1 });
    // An offset of some group: makes the topic of the offsets.
    const offset = { name: WARM_UP_TOPIC, partitionOffsets: [{ partition: 0, offset: 0n }] };
    await admin.alterConsumerGroupOffsets({ groupId: WARM_UP_TOPIC, topics: [offset] });
  } finally {
    await admin.close();
  }
}

/** Each attempt is a producer of its own: one whose predecessor was killed in mid-transaction would wait for its time-out. */
async function commitTransaction(brokers: readonly string[]): Promise<void> {
  const producer = new Producer({
    clientId: 'headwater-services',
    bootstrapBrokers: [...brokers],
    transactionalId: `${WARM_UP_TOPIC}-${Buffer.from(systemRandom.bytes(6)).toString('hex')}`,
    idempotent: true,
    acks: -1,
    // Not 0: an idempotent producer takes 0 and 1 for "for ever", and such a retry outlives the producer's close.
    retries: false,
    serializers: stringSerializers,
  });
  try {
    const transaction = await producer.beginTransaction({ producerId: -1n, producerEpoch: -1 });
    await transaction.send({ messages: [{ topic: WARM_UP_TOPIC, key: 'warm', value: 'up' }] });
    await transaction.commit();
  } finally {
    await producer.close();
  }
}
