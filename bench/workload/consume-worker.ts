/** The thread that consumes a topic as a read-committed consumer and notes when each row came. */
import { parentPort, workerData } from 'node:worker_threads';

import { Consumer, FetchIsolationLevels, MessagesStreamModes } from '@platformatic/kafka';

import { machineMs } from '../measure/machine-ms.ts';

/** What the worker is given. */
export interface ConsumeInput {
  readonly brokers: string;
  readonly topic: string;
  /** By id. Shared memory. */
  readonly arrived: Float64Array;
}

const { brokers, topic, arrived } = workerData as ConsumeInput;
const consumer = new Consumer({
  clientId: 'headwater-bench',
  groupId: `bench-${topic}`,
  bootstrapBrokers: brokers.split(','),
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.EARLIEST,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  minBytes: 1,
  maxWaitTime: 500,
  autocommit: false,
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
parentPort?.postMessage('ready');
for await (const message of stream) {
  const nowMs = machineMs();
  // The key is the primary key's values as a JSON array of texts.
  const [id] = JSON.parse(String(message.key)) as [string];
  if (arrived[Number(id)] === 0) arrived[Number(id)] = nowMs;
}
