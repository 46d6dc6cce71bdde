import { toInstant } from '../../../../foundation/clock.ts';
import type { RecordRequest, StoredRecord } from '../../../sink.suite.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../testing/sink-child.ts';
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

/** What `suiteRecord` made, as it stands in the stream. */
export function parseSuiteRecord(text: string): StoredRecord {
  const { key, number } = JSON.parse(text) as StoredRecord;
  return { key, number };
}

export function createChild(argument: string): SinkChild {
  return { sink: natsSink(proxiedOptions(JSON.parse(argument) as NatsChildOptions)), record: suiteRecord };
}
