/** `headwater/kafka`: the Kafka sink. Needs the optional package `@platformatic/kafka`. */
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
