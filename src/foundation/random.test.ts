import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { createSeededRandom, systemRandom } from './random.ts';

describe('randomness', () => {
  it('gives as many bytes as were asked for, beyond what the system gives at once', () => {
    for (const count of [0, 1, 16, 65_536, 65_537, 200_000]) {
      const bytes = systemRandom.bytes(count);
      assert.equal(bytes.length, count);
      // 64 bytes in a row that are all zero mean that a part was never filled.
      for (let offset = 0; offset + 64 <= count; offset += 64) {
        assert.ok(bytes.subarray(offset, offset + 64).some((byte) => byte !== 0));
      }
    }
  });

  it('gives no byte twice, in small reads of any size', () => {
    for (const count of [16, 7, 64]) {
      const seen = new Set(Array.from({ length: 2000 }, () => Buffer.from(systemRandom.bytes(count)).toString('hex')));
      assert.equal(seen.size, 2000);
      assert.ok(!seen.has('00'.repeat(count)));
    }
  });

  it('repeats itself for a seed and for no other', () => {
    const sequence = (seed: number): number[] => {
      const random = createSeededRandom(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    assert.deepEqual(sequence(7), sequence(7));
    assert.notDeepEqual(sequence(7), sequence(8));
    assert.ok(sequence(7).every((value) => value >= 0 && value < 1));
  });
});
