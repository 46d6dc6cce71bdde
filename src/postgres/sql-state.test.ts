import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { isConflict, isDefiniteRefusal, sqlStateOf } from './sql-state.ts';

function withCode(code: string, cause?: unknown): Error {
  return Object.assign(new Error('an error', { cause }), { code });
}

/** As Prisma 7 throws what its driver adapter was told. */
function prismaError(code: string, originalCode: string): Error {
  return Object.assign(withCode(code), { meta: { driverAdapterError: { cause: { originalCode } } } });
}

describe('the SQLSTATE of an error', () => {
  it('is found where each library keeps it, also below errors of its own', () => {
    assert.equal(sqlStateOf(withCode('23505')), '23505');
    assert.equal(sqlStateOf(new Error('of a query builder', { cause: withCode('40001') })), '40001');
    assert.equal(sqlStateOf(prismaError('P2010', '25P02')), '25P02');
  });

  it('is no code of the system, of Prisma or of Headwater', () => {
    for (const code of ['EPIPE', 'ECONNRESET', 'P2034', 'P1001', 'HW-EMIT-001']) {
      assert.equal(sqlStateOf(withCode(code)), undefined, code);
    }
    assert.equal(sqlStateOf('40001'), undefined);
  });

  it('tells a conflict and a refusal of COMMIT with every library', () => {
    for (const conflict of [withCode('40P01'), prismaError('P2034', '40001')]) {
      assert.ok(isConflict(conflict) && isDefiniteRefusal(conflict));
    }
    assert.ok(!isConflict(withCode('23505')) && isDefiniteRefusal(withCode('23505')));
    assert.ok(!isDefiniteRefusal(withCode('40003')), 'nobody knows whether it was committed');
  });
});
