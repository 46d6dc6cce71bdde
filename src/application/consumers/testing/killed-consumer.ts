import { connect as connectNats } from '@nats-io/transport-node';
import { Consumer } from '@platformatic/kafka';
import { connect as connectRabbitmq } from 'amqplib';
import { consumeKafka } from '../kafka/consume-kafka.ts';
import { consumeNats } from '../nats/consume-nats.ts';
import { consumeRabbitmq } from '../rabbitmq/consume-rabbitmq.ts';
import { type KilledConsumer, standingInbox } from './kill-points.ts';

/** A consumer in a process of its own, which is killed at its point. */
const told = JSON.parse(process.argv[2] ?? '') as KilledConsumer;
const { server, source } = told;
const options = { inbox: standingInbox(told), signal: new AbortController().signal, inFlightMax: 1 };

switch (told.kind) {
  case 'kafka': {
    const client = {
      groupId: source,
      groupInstanceId: source,
      clientId: 'killed',
      bootstrapBrokers: server.split(','),
    };
    await consumeKafka({ ...options, topics: [source], connect: () => new Consumer(client) });
    break;
  }
  case 'nats':
    await consumeNats({
      ...options,
      stream: source,
      consumer: 'billing',
      connect: () => connectNats({ servers: server }),
    });
    break;
  default:
    await consumeRabbitmq({ ...options, queue: source, connect: () => connectRabbitmq(server) });
}
