import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { HeadwaterError } from '../foundation/error.ts';
import { formatLsn, parseLsn, toLsn } from './lsn.ts';

describe('a WAL location', () => {
  it('reads back what it writes, over the whole range', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }), (value) => {
        assert.equal(parseLsn(formatLsn(toLsn(value))), value);
      }),
    );
  });

  it('keeps its order across the 4 GiB boundary, where the text form is not padded', () => {
    assert.ok(parseLsn('1/ABC') > parseLsn('0/FFFFFFF0'));
    assert.equal(formatLsn(parseLsn('16/b374d848')), '16/B374D848');
  });

  for (const text of ['', '0', '1/', '/1', '1/2/3', '123456789/0', 'x/1', '1/ 2', '-1/2']) {
    it(`refuses "${text}"`, () => {
      assert.throws(
        () => parseLsn(text),
        (error) => error instanceof HeadwaterError && error.code === 'HW-SOURCE-001',
      );
    });
  }
});
