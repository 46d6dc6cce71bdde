/** `headwater/nats`: the NATS JetStream sink, and the consumer that takes by an inbox. Needs the optional packages `@nats-io/transport-node` and `@nats-io/jetstream`. */
export { natsSink } from './delivery/sinks/nats/nats-sink.ts';
export type {
  NatsAuth,
  NatsSecret,
  NatsSinkOptions,
  NatsStreamPlan,
  NatsSubject,
  NatsTls,
} from './delivery/sinks/nats/nats-options.ts';
export {
  consumeNats,
  type NatsConnectionClient,
  type NatsConsumerOptions,
  type NatsMessage,
} from './application/consumers/nats/consume-nats.ts';
export type { ConsumerOptions } from './application/consumers/consumer.ts';
