import type { RecordRequest, StoredRecord } from '../../../../testing/suite-records.ts';
import type { SinkDefinition } from '../../../sink.ts';
import { testEvent, type UnplacedRecord } from '../../../../testing/memory-journal.ts';
import type { SinkChild } from '../../../../testing/sink-child.ts';
import { webhookSink } from '../webhook-sink.ts';

/** Records of the suite as events: the id says which one it is. */
export function suiteRecord({ key, number, size = 2 }: RecordRequest): UnplacedRecord {
  return testEvent(key, `${key}-${number}`, JSON.stringify({ padding: 'x'.repeat(size) }));
}

/** What an id of the suite says. */
export function parseSuiteId(id: string): StoredRecord {
  return { key: id.slice(0, 1), number: Number(id.slice(2)) };
}

/** What the sink of the suite needs: a JSON text for a process of its own. */
export interface WebhookChildOptions {
  readonly port: number;
  readonly path: string;
  readonly secret: string;
}

/** The largest body that the sink of the suite sends. */
export const suiteBodyBytesMax = 100_000;

/** The sink of the suite, on a receiver of this machine. */
export function loopbackSink({ port, path, secret }: WebhookChildOptions): SinkDefinition {
  return webhookSink({
    url: `http://127.0.0.1:${port}${path}`,
    secrets: secret,
    bodyBytesMax: suiteBodyBytesMax,
    allowHttp: true,
    allowPrivateAddresses: true,
  });
}

/** For a process of its own. */
export function createChild(argument: string): SinkChild {
  return { sink: loopbackSink(JSON.parse(argument) as WebhookChildOptions), record: suiteRecord };
}
