/** `headwater/rabbitmq`: the RabbitMQ sink, and the consumer that takes by an inbox. Needs the optional package `amqplib`. */
export { rabbitmqSink } from './delivery/sinks/rabbitmq/rabbitmq-sink.ts';
export type {
  RabbitmqAuth,
  RabbitmqRoutingKey,
  RabbitmqSecret,
  RabbitmqSinkOptions,
  RabbitmqTls,
} from './delivery/sinks/rabbitmq/rabbitmq-options.ts';
export {
  consumeRabbitmq,
  type RabbitmqChannel,
  type RabbitmqConnection,
  type RabbitmqConsumerOptions,
  type RabbitmqMessage,
} from './application/consumers/rabbitmq/consume-rabbitmq.ts';
export type { ConsumerOptions } from './application/consumers/consumer.ts';
