import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Admin, Consumer, FetchIsolationLevels, MessagesStreamModes } from '@platformatic/kafka';

import { systemClock } from '../../../foundation/clock.ts';
import { systemRandom } from '../../../foundation/random.ts';
import { retry } from '../../../foundation/retry.ts';
import type { OutboundRecord } from '../../sink.ts';
import { skipReason } from '../../../../scripts/services/testing.ts';
import { type PrivateKafkaCluster, startScratchKafkaCluster } from '../../../../scripts/services/kafka.ts';
import { deliver } from './testing/deliver-batches.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { sampleBatch, sampleEvent, sampleOutbound } from './testing/sample-records.ts';
import { uniqueName } from './testing/test-topics.ts';

/*
 * Three brokers that keep a copy of every partition each: partitions have different leaders, and leaders and coordinators move while a
 * lane writes. What was acknowledged is read back by a client that is not ours.
 */
const partitionCount = 6;
const keyCount = 12;
const batchSize = 6;
const batchCount = 60;
const openPolicy = {
  policy: { initialDelayMs: 50, maxDelayMs: 500, maxAttempts: 100 },
  clock: systemClock,
  random: systemRandom,
};

describe('a cluster of three brokers', { skip: await skipReason('privateKafka') }, () => {
  let cluster: PrivateKafkaCluster;
  before(async () => {
    cluster = await startScratchKafkaCluster(3);
  });
  after(() => cluster[Symbol.asyncDispose]());

  it('shows each record once and in the order of its key while its brokers are restarted in turn', async () => {
    await assertDeliveredThrough(async (node) => {
      await cluster.nodes[node]?.restart();
    });
  });

  it('shows each record once and in the order of its key while its brokers are killed in turn', async () => {
    await assertDeliveredThrough(async (node) => {
      await cluster.nodes[node]?.kill();
      await cluster.nodes[node]?.restart();
    });
  });

  it('goes on with two of three brokers', async () => {
    const topic = await createTopic();
    const [node] = cluster.nodes;
    await node?.kill();
    try {
      // A lane opens its sink until it is open: the partitions of the third broker get other leaders meanwhile.
      const options = { brokers: [...cluster.brokers], topic };
      await using sink = await retry(() => openTestSink(options, topic), openPolicy);
      await deliver(sink, batchOf(0));
      assert.deepEqual(await readByKey(topic, batchSize), expectedByKey(1));
    } finally {
      await node?.restart();
    }
  });

  /** Each broker in turn, while batches are written. */
  async function assertDeliveredThrough(disturb: (node: number) => Promise<void>): Promise<void> {
    const topic = await createTopic();
    await using sink = await openTestSink({ brokers: [...cluster.brokers], topic }, topic);
    await deliver(sink, batchOf(0));
    const state = { isOver: false };
    const disturbed = (async () => {
      for (const node of cluster.nodes.keys()) await disturb(node);
      state.isOver = true;
    })();
    let batch = 1;
    // Some while every broker is away for a while, and some behind that.
    for (let left = batchCount; left > 0; batch += 1) {
      await deliver(sink, batchOf(batch));
      if (state.isOver) left -= 1;
    }
    await disturbed;
    assert.deepEqual(await readByKey(topic, batch * batchSize), expectedByKey(batch));
  }

  async function createTopic(): Promise<string> {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [...cluster.brokers] });
    const topic = uniqueName('cluster');
    await admin.createTopics({ topics: [topic], partitions: partitionCount, replicas: 3 });
    await admin.close();
    return topic;
  }

  /** As a consumer sees it: the ids of each key, up to `count` records and whatever stands behind them. */
  async function readByKey(topic: string, count: number): Promise<ReadonlyMap<string, readonly string[]>> {
    const consumer = new Consumer({ clientId: 'test', groupId: topic, bootstrapBrokers: [...cluster.brokers] });
    const ids = new Map<string, string[]>();
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      isolationLevel: FetchIsolationLevels.READ_COMMITTED,
      autocommit: false,
      maxWaitTime: 200,
    });
    let readCount = 0;
    for await (const message of stream) {
      const key = String(message.key);
      ids.set(key, [...(ids.get(key) ?? []), readId(message.headers)]);
      readCount += 1;
      if (readCount === count) break;
    }
    await consumer.close(true);
    return ids;
  }
});

/** Names and values are bytes. */
function readId(headers: ReadonlyMap<unknown, unknown>): string {
  for (const [name, value] of headers) if (String(name) === 'headwater-id') return String(value);
  return assert.fail('a record without an id');
}

function batchOf(batch: number): ReturnType<typeof sampleBatch> {
  const from = batch * batchSize;
  const records = Array.from({ length: batchSize }, (_, index) => recordOf(from + index + 1));
  return sampleBatch(records, { from, to: from + batchSize });
}

function recordOf(sequence: number): OutboundRecord {
  return sampleOutbound(sampleEvent({ id: `id-${sequence}`, key: `key-${sequence % keyCount}` }), { sequence });
}

function expectedByKey(batches: number): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>();
  for (let sequence = 1; sequence <= batches * batchSize; sequence += 1) {
    const key = `key-${sequence % keyCount}`;
    ids.set(key, [...(ids.get(key) ?? []), `id-${sequence}`]);
  }
  return ids;
}
