import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { systemClock } from './clock.ts';

test('a timer that is longer than one of Node can be ends when it is over, and not before', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let calls = 0;
    const month = 30 * 86_400_000;
    systemClock.setTimer(month, () => (calls += 1));
    const cleared = systemClock.setTimer(month, () => (calls += 1));
    mock.timers.tick(2 ** 31 - 1);
    cleared.clear();
    mock.timers.tick(month - (2 ** 31 - 1) - 1);
    assert.equal(calls, 0);
    mock.timers.tick(1);
    assert.equal(calls, 1);
  } finally {
    mock.timers.reset();
  }
});
