import type { SinkChild } from '../../../testing/sink-child.ts';
import { suiteRecord } from '../../kafka/testing/kafka-child.ts';
import type { RabbitmqSinkOptions } from '../rabbitmq-options.ts';
import { rabbitmqSink } from '../rabbitmq-sink.ts';

/** What a process that is killed needs to know: the way to the broker through the proxy, and where records go. */
export interface RabbitmqChildOptions {
  readonly proxyPort: number;
  readonly exchange: string;
  readonly queue: string;
}

/** The options of a sink behind a proxy. */
export function proxiedOptions({ exchange, proxyPort, queue }: RabbitmqChildOptions): RabbitmqSinkOptions {
  return { servers: `127.0.0.1:${proxyPort}`, exchange, queues: queue, recordBytesMax: 1_000_000 };
}

export function createChild(argument: string): SinkChild {
  return { sink: rabbitmqSink(proxiedOptions(JSON.parse(argument) as RabbitmqChildOptions)), record: suiteRecord };
}
