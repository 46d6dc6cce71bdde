import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';

import { createSeededRandom } from '../../foundation/random.ts';
import { checksum } from './frame-checksum.ts';

describe('the checksum of a frame', () => {
  it('is CRC-32 at every length and place, continued from any value', () => {
    const random = createSeededRandom(1);
    const bytes = Uint8Array.from({ length: 2000 }, () => Math.floor(random.next() * 256));
    const view = new DataView(bytes.buffer, 100);
    for (let length = 0; length < 1000; length += 1) {
      const start = length % 37;
      const seed = Math.floor(random.next() * 0x1_0000_0000);
      const expected = crc32(bytes.subarray(100 + start, 100 + start + length), seed);
      assert.equal(checksum(view, start, length, seed), expected, `${length} bytes`);
    }
  });
});
