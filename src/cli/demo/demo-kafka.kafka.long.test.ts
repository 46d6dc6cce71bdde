import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { kafkaBrokers, skipReason } from '../../../scripts/services/testing.ts';
import { systemClock } from '../../foundation/clock.ts';
import { hasDamage } from './damage.ts';
import { openDemoKafka } from './demo-kafka.ts';
import { runDemo } from './run-demo.ts';

describe('headwater demo --with kafka', { skip: await skipReason('kafka') }, () => {
  it('counts a real broker as a third store, by a read-committed consumer', { timeout: 180_000 }, async (test) => {
    await using kafka = await openDemoKafka((await kafkaBrokers()).join(','));
    const report = await runDemo({
      seed: 42,
      serverUrl: undefined,
      kafka,
      observer: {
        happened: (_kind, text) => test.diagnostic(text),
        actBegan: () => Promise.resolve(),
        actEnded: () => Promise.resolve(),
        ended: () => undefined,
      },
      startedMs: systemClock.monotonicMs(),
      signal: test.signal,
    });
    for (const { act, committed, stores } of report.acts) {
      const { kafka: counted } = stores;
      assert.ok(counted !== undefined);
      assert.equal(counted.committed, committed.length);
      if (act === 1) assert.ok(counted.ids.effects.length > 0, 'the naive order service publishes to Kafka too');
      else assert.equal(hasDamage(counted), false, JSON.stringify(counted.ids));
    }
    assert.equal(report.ok, true);
  });
});
