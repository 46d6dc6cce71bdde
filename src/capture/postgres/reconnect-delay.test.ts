import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { defaultRetryPolicy } from '../../foundation/retry.ts';
import { planReconnectDelayMs } from './reconnect-delay.ts';

describe('the wait before capture connects again', () => {
  it('grows while nobody answers, and is short again once the server says that it is starting', () => {
    const away = new HeadwaterError('HW-SOURCE-002', 'refused');
    const starting = new HeadwaterError('HW-SOURCE-023', 'starting', { details: { sqlState: '57P03' } });
    const plan = (error: HeadwaterError, attempt: number): number =>
      planReconnectDelayMs(defaultRetryPolicy, { attempt, chance: 0.999, error });
    assert.deepEqual(
      [0, 1, 2, 5, 20].map((attempt) => plan(away, attempt)),
      [99, 99, 199, 1598, 29_970],
    );
    assert.deepEqual(
      [0, 1, 2, 5, 20].map((attempt) => plan(starting, attempt)),
      [99, 99, 99, 99, 99],
    );
  });
});
