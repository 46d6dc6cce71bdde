import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { systemClock, type Clock } from './clock.ts';
import { HeadwaterError } from './error.ts';
import { createSeededRandom } from './random.ts';
import { defaultRetryPolicy, planRetryDelayMs, retry } from './retry.ts';

const retryable = new HeadwaterError('HW-SERVICE-006', 'worker ended');
const final = new HeadwaterError('HW-SERVICE-001', 'cannot listen');

function createInstantClock(): { readonly clock: Clock; readonly delays: number[] } {
  const delays: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep(delayMs, signal) {
      delays.push(delayMs);
      return signal?.aborted === true ? Promise.reject(signal.reason) : Promise.resolve();
    },
  };
  return { clock, delays };
}

describe('retry', () => {
  it('draws each delay between zero and a ceiling that doubles up to the maximum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, chance) => {
          const delayMs = planRetryDelayMs(defaultRetryPolicy, attempt, chance);
          const ceilingMs = Math.min(30_000, 100 * 2 ** Math.min(attempt - 1, 40));
          assert.ok(delayMs >= 0 && delayMs < ceilingMs);
        },
      ),
    );
  });

  it('tries again while the policy of the error says so', async () => {
    const { clock, delays } = createInstantClock();
    const result = await retry((attempt) => (attempt < 4 ? Promise.reject(retryable) : Promise.resolve(attempt)), {
      policy: defaultRetryPolicy,
      clock,
      random: createSeededRandom(1),
    });
    assert.equal(result, 4);
    assert.equal(delays.length, 3);
  });

  it('ends at once with an error whose policy is stop', async () => {
    const { clock, delays } = createInstantClock();
    const options = { policy: defaultRetryPolicy, clock, random: createSeededRandom(1) };
    await assert.rejects(
      retry(() => Promise.reject(final), options),
      final,
    );
    assert.equal(delays.length, 0);
  });

  it('ends with the last error when the attempts are used up', async () => {
    const { clock, delays } = createInstantClock();
    const options = { policy: { ...defaultRetryPolicy, maxAttempts: 3 }, clock, random: createSeededRandom(1) };
    await assert.rejects(
      retry(() => Promise.reject(retryable), options),
      retryable,
    );
    assert.equal(delays.length, 2);
  });

  it('ends with the reason of the signal when cancelled in a wait', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const running = retry(() => Promise.reject(retryable), {
      policy: { ...defaultRetryPolicy, initialDelayMs: 60_000, maxDelayMs: 60_000 },
      clock: systemClock,
      random: { ...createSeededRandom(1), next: () => 0.99 },
      signal: abort.signal,
      onFailure: () => queueMicrotask(() => abort.abort(reason)),
    });
    await assert.rejects(running, reason);
  });
});
