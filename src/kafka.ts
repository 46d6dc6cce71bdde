/** `headwater/kafka`: the Kafka sink, and the consumer that takes by an inbox. Needs the optional package `@platformatic/kafka`. */
export { kafkaSink } from './delivery/sinks/kafka/kafka-sink.ts';
export type { BrokerAddress } from './delivery/sinks/kafka/broker-address.ts';
export type {
  KafkaCompression,
  KafkaHeaders,
  KafkaSasl,
  KafkaSecret,
  KafkaSinkOptions,
  KafkaTopic,
  KafkaTopicTemplates,
} from './delivery/sinks/kafka/kafka-options.ts';
export {
  consumeKafka,
  type KafkaConsumerClient,
  type KafkaConsumerOptions,
  type KafkaRecord,
} from './application/consumers/kafka/consume-kafka.ts';
export type { ConsumerOptions } from './application/consumers/consumer.ts';
