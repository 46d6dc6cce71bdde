/** `headwater/nats`: the NATS JetStream sink. Needs the optional packages `@nats-io/transport-node` and `@nats-io/jetstream`. */
export { natsSink } from './delivery/sinks/nats/nats-sink.ts';
export type {
  NatsAuth,
  NatsSecret,
  NatsSinkOptions,
  NatsStreamPlan,
  NatsSubject,
  NatsTls,
} from './delivery/sinks/nats/nats-options.ts';
