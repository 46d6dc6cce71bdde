import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type PrivateKafka, skipReason, startPrivateKafka } from '../../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { deliver, event, idsOf } from './testing/deliver-batches.ts';
import { hangTransaction, takeEpoch, untilCompleted } from './testing/hang-transaction.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { requestKeys, RequestProxy } from './testing/request-proxy.ts';
import { sampleBatch, sampleCheckpoint } from './testing/sample-records.ts';
import { TestTopics, uniqueName } from './testing/test-topics.ts';

const signal = new AbortController().signal;
let started: Promise<PrivateKafka> | undefined;

/** One that lets a test do what a broker does that loses a marker. */
async function brokerAddress(): Promise<string> {
  started ??= startPrivateKafka({ settings: { 'transaction.partition.verification.enable': false } });
  return (await started).brokers[0] ?? '';
}

after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

const hung = { key: Buffer.from('hung'), value: 'hung' };

describe('a transaction that a broker left open', { skip: await skipReason('privateKafka') }, () => {
  test('is committed when it was acknowledged, though the next one is aborted in the same partition', async () => {
    const broker = await brokerAddress();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('hanging', 1);
    const positionTopic = uniqueName('positions');
    const lane = uniqueName('lane');
    await using proxy = await RequestProxy.open(broker);
    const options = { brokers: broker, topic, positionTopic, brokerAddress: () => proxy.address };
    await using sink = await openTestSink(options, lane);
    await deliver(sink, sampleBatch([event(1)], { from: 0, to: 1 }));
    const place = { broker, transactionalId: `headwater.test.${lane}`, topic, partition: 0, writtenCount: 1 };
    await hangTransaction(place, hung);
    let lost = 0;
    proxy.decide = (key) => (key === requestKeys.addPartitionsToTxn && (lost += 1) === 1 ? 'lose-request' : 'pass');
    const batch = sampleBatch([event(2)], { from: 1, to: 2 });
    await assert.rejects(sink.write(batch, signal), { code: 'HW-KAFKA-010' });
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(1));
    const valuesNow = async (): Promise<number> => (await topics.readCommitted(topic, 1)).length;
    assert.equal(await valuesNow(), 2, 'what hung is seen before anything else is written');
    await sink.write(batch, signal);
    assert.equal(await valuesNow(), 3);
  });

  test('is committed when it was acknowledged, before the next one that wrote nothing is given up in the same partition', async () => {
    const broker = await brokerAddress();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('hanging', 1);
    await using proxy = await RequestProxy.open(broker);
    const positionTopic = uniqueName('positions');
    const options = { brokers: broker, topic, positionTopic, brokerAddress: () => proxy.address };
    const lane = uniqueName('lane');
    await using sink = await openTestSink(options, lane);
    await deliver(sink, sampleBatch([event(1)], { from: 0, to: 1 }));
    await untilCompleted(broker, `headwater.test.${lane}`);
    // The coordinator never hears of its partitions, so its commit leaves no marker in any of them.
    proxy.decide = (key) => (key === requestKeys.addPartitionsToTxn ? 'pretend' : 'pass');
    await sink.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal);
    let lost = 0;
    proxy.decide = (key) => (key === requestKeys.produce && (lost += 1) === 1 ? 'lose-request' : 'pass');
    const batch = sampleBatch([event(3)], { from: 2, to: 3 });
    await assert.rejects(sink.write(batch, signal), { code: 'HW-KAFKA-010' });
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(2));
    await sink.write(batch, signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1', 'id-2', 'id-3']);
  });

  test('in the position topic does not hold the lane, nor the next process of it', async () => {
    const broker = await brokerAddress();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('hanging', 1);
    const positionTopic = uniqueName('positions');
    const lane = uniqueName('lane');
    const place = { broker, transactionalId: `headwater.test.${lane}`, topic: positionTopic, partition: 0 };
    const options = { brokers: broker, topic, positionTopic };
    {
      await using sink = await openTestSink(options, lane);
      await deliver(sink, sampleBatch([event(1)], { from: 0, to: 1 }));
      await hangTransaction({ ...place, writtenCount: 3 }, { key: Buffer.from('{"version":1}'), value: null });
    }
    await using sink = await openTestSink(options, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(1));
    await deliver(sink, sampleBatch([event(2)], { from: 1, to: 2 }));
    assert.equal((await topics.readCommitted(topic, 1)).length, 2);
  });

  test('is not guessed about when nobody knows how it ended', async () => {
    const broker = await brokerAddress();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('hanging', 1);
    const positionTopic = uniqueName('positions');
    const lane = uniqueName('lane');
    const transactionalId = `headwater.test.${lane}`;
    {
      await using sink = await openTestSink({ brokers: broker, topic, positionTopic }, lane);
      await deliver(sink, sampleBatch([event(1)], { from: 0, to: 1 }));
    }
    await takeEpoch(broker, transactionalId);
    await hangTransaction({ broker, transactionalId, topic, partition: 0, writtenCount: 0 }, hung);
    await assert.rejects(openTestSink({ brokers: broker, topic, positionTopic }, lane), (error) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-024', String(error));
      assert.deepEqual([error.details['topic'], error.details['partition']], [topic, 0]);
      return true;
    });
  });
});
