import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatLsn, parseLsn } from '../model/lsn.ts';
import { settleLsn } from './source-place.ts';

const sizes = { walBlockByteCount: 8192n, walSegmentByteCount: 16_777_216n };

describe('the location of a token', () => {
  for (const [place, lsn, settled] of [
    ['in the middle of a page', '16/B374D848', '16/B374D848'],
    ['right behind the header of a page', '16/B374E018', '16/B374E000'],
    ['right behind the header of a segment', '16/B4000028', '16/B4000000'],
    ['where the header of a segment would end, on another page', '16/B4002028', '16/B4002028'],
    ['one word behind a header', '16/B374E020', '16/B374E020'],
  ] as const) {
    it(`${place} is where the last record can have ended at the latest`, () => {
      assert.equal(formatLsn(settleLsn(parseLsn(lsn), sizes)), settled);
    });
  }
});
