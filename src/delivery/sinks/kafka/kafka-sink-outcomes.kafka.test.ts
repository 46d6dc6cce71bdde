import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kafkaBrokers, skipReason } from '../../../../scripts/services/testing.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { systemClock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { systemRandom } from '../../../foundation/random.ts';
import { deliver, event, idsOf } from './testing/deliver-batches.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { requestKeys, type RequestFate, RequestProxy } from './testing/request-proxy.ts';
import { sampleBatch, sampleCheckpoint } from './testing/sample-records.ts';
import { TestTopics, uniqueName } from './testing/test-topics.ts';

const signal = new AbortController().signal;
const withCode = (code: ErrorCode) => (error: unknown) => error instanceof HeadwaterError && error.code === code;
describe('a batch whose outcome is unknown', { skip: await skipReason('kafka') }, () => {
  const steps: readonly (readonly [keyof typeof requestKeys, RequestFate])[] = [
    ['addPartitionsToTxn', 'lose-request'],
    ['addPartitionsToTxn', 'lose-answer'],
    ['produce', 'lose-request'],
    ['produce', 'lose-answer'],
    ['endTxn', 'lose-request'],
    ['endTxn', 'lose-answer'],
  ];
  for (const [step, fate] of steps) {
    test(`takes effect once when the line breaks at ${step}: ${fate}`, async () => {
      const [broker = ''] = await kafkaBrokers();
      await using topics = await TestTopics.open([broker]);
      const topic = await topics.create('lost', 1);
      await using proxy = await RequestProxy.open(broker);
      const options = { brokers: broker, topic, brokerAddress: () => proxy.address };
      await using sink = await openTestSink(options, uniqueName('lane'));
      await deliver(sink, sampleBatch([event(1)], { from: 0, to: 1 }));
      let lost = 0;
      proxy.decide = (key) => {
        if (key !== requestKeys[step] || lost > 0) return 'pass';
        lost += 1;
        return fate;
      };
      const batch = sampleBatch([event(2)], { from: 1, to: 2 });
      await assert.rejects(sink.write(batch, signal), withCode('HW-KAFKA-010'));
      assert.equal(lost, 1);
      const isCommitted = step === 'endTxn' && fate === 'lose-answer';
      assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(isCommitted ? 2 : 1));
      if (!isCommitted) await sink.write(batch, signal);
      await sink.write(sampleBatch([event(3)], { from: 2, to: 3 }), signal);
      assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1', 'id-2', 'id-3']);
    });
  }

  test('takes effect once under any pattern of lost requests and answers', async () => {
    const [broker = ''] = await kafkaBrokers();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('random', 2);
    await using proxy = await RequestProxy.open(broker);
    await using sink = await openTestSink(
      { brokers: broker, topic, brokerAddress: () => proxy.address },
      uniqueName('lane'),
    );
    let lost = 0;
    proxy.decide = () => {
      if (systemRandom.next() >= 0.05) return 'pass';
      lost += 1;
      return systemRandom.next() < 0.5 ? 'lose-request' : 'lose-answer';
    };
    for (let from = 0; from < 300; from += 3) {
      await deliver(sink, sampleBatch([event(from + 1), event(from + 2), event(from + 3)], { from, to: from + 3 }));
    }
    assert.ok(lost > 0);
    const expected = Array.from({ length: 300 }, (_, index) => `id-${index + 1}`);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 2)), expected);
  });

  test('takes no effect when the writer vanishes in it, and holds the next writer up only briefly', async () => {
    const [broker = ''] = await kafkaBrokers();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('vanished', 1);
    const lane = uniqueName('lane');
    await using proxy = await RequestProxy.open(broker);
    await using vanished = await openTestSink({ brokers: broker, topic, brokerAddress: () => proxy.address }, lane);
    proxy.decide = (key) => (key === requestKeys.endTxn ? 'lose-request' : 'pass');
    await assert.rejects(vanished.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal), withCode('HW-KAFKA-010'));
    assert.equal(await topics.endOffset(topic, 0), 1n);
    const startMs = systemClock.monotonicMs();
    await using next = await openTestSink({ brokers: broker, topic }, lane);
    assert.equal(await next.readCheckpoint(signal), undefined);
    await next.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    assert.ok(systemClock.monotonicMs() - startMs < 3_000);
    const consumed = await topics.readCommitted(topic, 1);
    assert.deepEqual(idsOf(consumed), ['id-1']);
    assert.ok((consumed[0]?.offset ?? 0n) > 1n, 'behind the aborted record and its marker');
  });

  test('stopped in the middle: the reason comes back, nothing stays open, and the place is known again', async () => {
    const [broker = ''] = await kafkaBrokers();
    await using topics = await TestTopics.open([broker]);
    const topic = await topics.create('stopped', 1);
    const lane = uniqueName('lane');
    await using proxy = await RequestProxy.open(broker);
    const stop = new AbortController();
    {
      await using sink = await openTestSink({ brokers: broker, topic, brokerAddress: () => proxy.address }, lane);
      proxy.decide = (key) => {
        if (key === requestKeys.produce) stop.abort(new Error('stop now'));
        return 'pass';
      };
      await assert.rejects(sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), stop.signal), /stop now/);
    }
    await using sink = await openTestSink({ brokers: broker, topic }, lane);
    assert.equal(await sink.readCheckpoint(signal), undefined);
    await sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1']);
  });
});
