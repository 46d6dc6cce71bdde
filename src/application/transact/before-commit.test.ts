import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { parseLsn } from '../../model/lsn.ts';
import { readBeforeCommit } from './before-commit.ts';

describe('what is known in front of COMMIT', () => {
  for (const backend of ['4711 2026-11-27 10:00:00.000001+00', '4711 Fri Nov 27 10:00:00.000001 2026 UTC']) {
    it(`is the id, the location and the backend, however that writes a time: ${backend}`, () => {
      const lsn = parseLsn('16/B374D848');
      assert.deepEqual(readBeforeCommit({ facts: `open 987 16/B374D848 ${backend}` }), { xid: 987n, lsn, backend });
      assert.deepEqual(readBeforeCommit({ facts: `open 987 ${backend}` }), { xid: 987n, lsn: undefined, backend });
      assert.deepEqual(readBeforeCommit({ facts: `open 16/B374D848 ${backend}` }), { xid: undefined, lsn, backend });
    });
  }

  it('is nothing when the transaction is not the one that was begun', () => {
    for (const facts of [
      null,
      undefined,
      '',
      ' 987 0/1 4711 2026',
      '987 0/1 4711 2026',
      'closed 987 0/1 4711 2026',
      'open 4711 2026-11-27',
    ]) {
      assert.equal(readBeforeCommit({ facts }), undefined);
    }
    assert.equal(readBeforeCommit(undefined), undefined);
  });
});
