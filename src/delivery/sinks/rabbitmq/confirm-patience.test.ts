import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sampleEvent, sampleOutbound } from '../kafka/testing/sample-records.ts';
import { ConfirmPatience } from './confirm-patience.ts';

describe('the patience with a late confirm', () => {
  test('doubles for each record that was given up, up to a limit, and for no other', () => {
    const [late, other] = [sampleOutbound(sampleEvent({ id: 'a' })), sampleOutbound(sampleEvent({ id: 'b' }))];
    const patience = new ConfirmPatience(10_000);
    const limits = Array.from({ length: 9 }, () => {
      const limitMs = patience.limitMs(late);
      patience.noteGivenUp([late]);
      return limitMs;
    });
    assert.deepEqual(
      limits,
      [1, 2, 4, 8, 16, 32, 64, 64, 64].map((factor) => factor * 30_000),
    );
    assert.equal(patience.limitMs(other), 30_000);
  });
});
