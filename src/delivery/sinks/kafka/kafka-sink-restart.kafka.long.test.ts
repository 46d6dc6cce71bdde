import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { skipReason, startPrivateKafka } from '../../../../scripts/services/testing.ts';
import { systemClock } from '../../../foundation/clock.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { retry } from '../../../foundation/retry.ts';
import { systemRandom } from '../../../foundation/random.ts';
import { isSameCheckpoint } from '../../checkpoint.ts';
import type { OutboundBatch, OutboundRecord, Sink } from '../../sink.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { sampleBatch, sampleEvent, sampleOutbound } from './testing/sample-records.ts';
import { type ConsumedRecord, TestTopics, uniqueName } from './testing/test-topics.ts';

const signal = new AbortController().signal;
const idsOf = (records: readonly ConsumedRecord[]): (string | undefined)[] =>
  records.map(({ headers }) => headers.find(([name]) => name === 'headwater-id')?.[1]);

function event(sequence: number): OutboundRecord {
  return sampleOutbound(sampleEvent({ id: `id-${sequence}`, key: 'k' }), { sequence });
}

/** Writes as a lane does: after a failure it asks for the place and goes on from there. */
async function deliver(sink: Sink, batch: OutboundBatch): Promise<void> {
  let mustAsk = false;
  await retry(
    async () => {
      if (mustAsk) {
        const held = await sink.readCheckpoint(signal);
        if (held !== undefined && isSameCheckpoint(held, batch.to)) return;
      }
      mustAsk = true;
      await sink.write(batch, signal);
    },
    {
      policy: { initialDelayMs: 20, maxDelayMs: 200, maxAttempts: 200 },
      clock: systemClock,
      random: systemRandom,
    },
  );
}

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
      restarted = restarts.get(from)?.() ?? restarted;
      await deliver(sink, sampleBatch([event(from + 1), event(from + 2), event(from + 3)], { from, to: from + 3 }));
    }
    await restarted;
    await using topics = await TestTopics.open(kafka.brokers);
    const expected = Array.from({ length: 180 }, (_, index) => `id-${index + 1}`);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 2)), expected);
  });
});
