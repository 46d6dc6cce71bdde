import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeadwaterError } from './error.ts';

/** The class of a second copy of the package in the same process. */
async function importCopy(): Promise<typeof HeadwaterError> {
  const copy: typeof import('./error.ts') = await import(new URL('error.ts?copy', import.meta.url).href);
  assert.notEqual(copy.HeadwaterError, HeadwaterError);
  return copy.HeadwaterError;
}

describe('an error', () => {
  test('of another copy of the package is known by its brand, and keeps code, policy and hint', async () => {
    const Copy = await importCopy();
    const foreign: unknown = new Copy('HW-SINK-001', 'the store is away', { hint: 'wait' });
    assert.ok(foreign instanceof HeadwaterError);
    assert.equal(HeadwaterError.from(foreign), foreign);
    assert.deepEqual([foreign.code, foreign.policy, foreign.hint], ['HW-SINK-001', 'retry', 'wait']);
    assert.ok(new HeadwaterError('HW-SINK-001', 'away') instanceof Copy);
  });

  test('with a code that only another version knows is a cause, not one of ours', async () => {
    const Copy = await importCopy();
    const newer: unknown = Object.assign(new Copy('HW-SINK-001', 'something new'), { code: 'HW-SINK-999' });
    assert.ok(!(newer instanceof HeadwaterError));
    const error = HeadwaterError.from(newer);
    assert.deepEqual([error.code, error.cause], ['HW-INTERNAL-001', newer]);
  });

  test('is not what only looks like one', () => {
    const alike: unknown = Object.assign(new Error('away'), { name: 'HeadwaterError', code: 'HW-SINK-001' });
    assert.ok(!(alike instanceof HeadwaterError));
    for (const value of [undefined, null, 'HW-SINK-001', {}, new Error('away')]) {
      assert.ok(!(value instanceof HeadwaterError));
    }
  });

  test('shows no brand where it is printed or compared', () => {
    assert.deepEqual(Object.getOwnPropertySymbols(new HeadwaterError('HW-SINK-001', 'away')), []);
  });
});
