import { suiteRecord } from '../../../../testing/suite-records.ts';
import type { SinkChild } from '../../../../testing/sink-child.ts';
import type { KafkaSinkOptions } from '../kafka-options.ts';
import { kafkaSink } from '../kafka-sink.ts';

/** What a process that is killed needs to know: the way to the broker through the proxy, and its topics. */
export interface KafkaChildOptions {
  readonly proxyPort: number;
  readonly topic: string;
  readonly positionTopic: string;
}

/** The options of a sink behind a proxy. */
export function proxiedOptions({ positionTopic, proxyPort, topic }: KafkaChildOptions): KafkaSinkOptions {
  const address = { host: '127.0.0.1', port: proxyPort };
  return {
    brokers: `${address.host}:${address.port}`,
    topic,
    positionTopic,
    brokerAddress: () => address,
    requestTimeoutMs: 5_000,
    transactionTimeoutMs: 10_000,
  };
}

export function createChild(argument: string): SinkChild {
  return { sink: kafkaSink(proxiedOptions(JSON.parse(argument) as KafkaChildOptions)), record: suiteRecord };
}
