import type { LaneOptions } from '../../src/delivery/lane-options.ts';
import { fileSink } from '../../src/delivery/sinks/file/file-sink.ts';
import { natsSink } from '../../src/delivery/sinks/nats/nats-sink.ts';
import { postgresSink } from '../../src/delivery/sinks/postgres/postgres-sink.ts';
import { rabbitmqSink } from '../../src/delivery/sinks/rabbitmq/rabbitmq-sink.ts';
import { redisSink } from '../../src/delivery/sinks/redis/redis-sink.ts';
import { sqliteSink } from '../../src/delivery/sinks/sqlite/sqlite-sink.ts';
import { webhookSink } from '../../src/delivery/sinks/webhook/webhook-sink.ts';

/** The sinks of the benchmark; Kafka has one of its own. */
export const sinkKinds = ['postgres', 'sqlite', 'file', 'redis', 'nats', 'rabbitmq', 'webhook'] as const;
export type SinkKind = (typeof sinkKinds)[number];

/** So many records are on their way at once where the sink takes single ones; both sides have the same. */
export const concurrency: Readonly<Record<'rabbitmq' | 'webhook', number>> = { rabbitmq: 64, webhook: 8 };
/** Signs webhooks, on both sides. */
export const benchSecret: string = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;

const sinks: Readonly<Record<SinkKind, (target: string) => LaneOptions>> = {
  postgres: (url) => ({ sink: postgresSink({ url }) }),
  sqlite: (directory) => ({ sink: sqliteSink({ file: `${directory}/mirror.db` }) }),
  file: (directory) => ({ sink: fileSink({ directory }) }),
  redis: (url) => ({ sink: redisSink({ url }) }),
  nats: (address) => ({ sink: natsSink({ servers: address, stream: natsStream, createStream: true }) }),
  rabbitmq: (url) => ({
    sink: rabbitmqSink({ servers: new URL(url).host, exchange: rabbitmqPlace, queues: rabbitmqPlace }),
    concurrencyMax: concurrency.rabbitmq,
  }),
  webhook: (url) => ({
    sink: webhookSink({ url, secrets: benchSecret, allowHttp: true, allowPrivateAddresses: true }),
    concurrencyMax: concurrency.webhook,
  }),
};

/** The stream of a run. */
export const natsStream = 'BENCH';
/** The exchange and the queue of a run. */
export const rabbitmqPlace = 'bench';

/** The lane of a sink; `target` is its address or directory. */
export function benchLane(kind: SinkKind, target: string): LaneOptions {
  return sinks[kind](target);
}

/** @throws when the word is no kind */
export function parseSinkKind(word: string): SinkKind {
  const kind = sinkKinds.find((one) => one === word);
  if (kind === undefined) throw new RangeError(`"${word}" is none of ${sinkKinds.join(', ')}`);
  return kind;
}
