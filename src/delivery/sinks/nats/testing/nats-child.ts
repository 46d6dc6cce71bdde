import type { SinkChild } from '../../../../testing/sink-child.ts';
import { suiteRecord } from '../../../../testing/suite-records.ts';
import type { NatsSinkOptions } from '../nats-options.ts';
import { natsSink } from '../nats-sink.ts';

/** What a process that is killed needs to know: the way to the server through the proxy, and its streams. */
export interface NatsChildOptions {
  readonly proxyPort: number;
  readonly stream: string;
  readonly positionStream: string;
}

/** The options of a sink behind a proxy. */
export function proxiedOptions({ positionStream, proxyPort, stream }: NatsChildOptions): NatsSinkOptions {
  return { servers: `127.0.0.1:${proxyPort}`, stream, positionStream, requestTimeoutMs: 5_000 };
}

export function createChild(argument: string): SinkChild {
  return { sink: natsSink(proxiedOptions(JSON.parse(argument) as NatsChildOptions)), record: suiteRecord };
}
