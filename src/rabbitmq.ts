/** `headwater/rabbitmq`: the RabbitMQ sink. Needs the optional package `amqplib`. */
export { rabbitmqSink } from './delivery/sinks/rabbitmq/rabbitmq-sink.ts';
export type {
  RabbitmqAuth,
  RabbitmqRoutingKey,
  RabbitmqSecret,
  RabbitmqSinkOptions,
  RabbitmqTls,
} from './delivery/sinks/rabbitmq/rabbitmq-options.ts';
