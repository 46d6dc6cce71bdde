import { loadKafkaClient } from '../../../delivery/sinks/kafka/load-client.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { EventStore } from './publish.ts';

/** Publishes to a topic as well as a producer can: idempotent, acknowledged by all replicas. */
export async function connectKafka(brokers: string, topic: string): Promise<EventStore> {
  const { Producer, ProduceAcks, stringSerializers } = await loadKafkaClient();
  const producer = new Producer({
    clientId: 'order-service',
    bootstrapBrokers: brokers.split(','),
    serializers: stringSerializers,
    idempotent: true,
    acks: ProduceAcks.ALL,
  });
  return async (event) => {
    try {
      await producer.send({ messages: [{ topic, key: event.orderId, value: JSON.stringify(event) }] });
    } catch (error) {
      throw HeadwaterError.from(error, 'HW-DEMO-002', 'Kafka did not take the event');
    }
  };
}
