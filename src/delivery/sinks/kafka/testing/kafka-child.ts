import { toInstant } from '../../../../foundation/clock.ts';
import type { RecordRequest, StoredRecord } from '../../../sink.suite.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../testing/sink-child.ts';
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

/** A record of the suite as an event. */
export function suiteRecord({ key, number, size = 8 }: RecordRequest): UnplacedRecord {
  const payload = new TextEncoder().encode(JSON.stringify({ key, number, padding: 'x'.repeat(size) }));
  return {
    kind: 'event',
    event: {
      id: `${key}-${number}`,
      type: 'suite.record',
      schemaVersion: 1,
      key,
      source: 'test',
      occurredAt: toInstant(1_800_000_000_000),
      contentType: 'application/json',
      payload,
      headers: {},
      origin: 'message',
    },
  };
}

/** What `suiteRecord` made, as it stands in Kafka. */
export function parseSuiteRecord(value: string | null): StoredRecord {
  const { key, number } = JSON.parse(value ?? 'null') as StoredRecord;
  return { key, number };
}

export function createChild(argument: string): SinkChild {
  return { sink: kafkaSink(proxiedOptions(JSON.parse(argument) as KafkaChildOptions)), record: suiteRecord };
}
