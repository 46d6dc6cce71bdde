import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { skipReason, startPrivateKafka } from '../../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { deliver, event, idsOf } from './testing/deliver-batches.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { sampleBatch } from './testing/sample-records.ts';
import { TestTopics, uniqueName } from './testing/test-topics.ts';

describe('a broker of its own', { skip: await skipReason('privateKafka') }, () => {
  test('killed and restarted in mid-stream, wrong passwords refused, each record visible once', async () => {
    await using kafka = await startPrivateKafka({ sasl: { username: 'writer', password: 'right' } });
    const topic = uniqueName('restart');
    {
      await using topics = await TestTopics.open(kafka.brokers);
      await topics.createNamed(topic, 2);
    }
    const sasl = { mechanism: 'PLAIN', username: 'writer', password: 'right' } as const;
    const options = { brokers: kafka.saslBrokers, topic, sasl };
    const wrong = { ...sasl, password: 'planted-secret' };
    await assert.rejects(openTestSink({ ...options, sasl: wrong }, 'lane'), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-004');
      assert.ok(
        !`${error.message} ${error.hint} ${JSON.stringify(error.details)} ${error.stack}`.includes('planted-secret'),
      );
      return true;
    });
    await using sink = await openTestSink(options, 'lane');
    const restarts = new Map([
      [60, () => kafka.kill().then(() => kafka.restart())],
      [120, () => kafka.restart()],
    ]);
    let restarted: Promise<void> = Promise.resolve();
    for (let from = 0; from < 180; from += 3) {
      const restart = restarts.get(from);
      if (restart !== undefined) {
        await restarted;
        restarted = restart();
      }
      await deliver(sink, sampleBatch([event(from + 1), event(from + 2), event(from + 3)], { from, to: from + 3 }));
    }
    await restarted;
    await using topics = await TestTopics.open(kafka.brokers);
    const expected = Array.from({ length: 180 }, (_, index) => `id-${index + 1}`);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 2)), expected);
  });
});
