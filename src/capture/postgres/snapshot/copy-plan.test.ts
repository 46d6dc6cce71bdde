import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { CopyProgress } from '../../../model/source-identity.ts';
import { movedKeysMax, splitMovedKeys, withMovedKeys } from './copy-plan.ts';

const progress: CopyProgress = { schemaName: 'public', tableName: 't', lastKey: ['9'], endKey: ['20'], rowCount: 9 };

describe('rows that are moved while their table is copied', () => {
  test('are carried once each, in the order of their moves', () => {
    const once = withMovedKeys(progress, [['-1'], ['-2']]);
    assert.deepEqual(withMovedKeys(once, [['-2'], ['-3']]).movedKeys, [['-1'], ['-2'], ['-3']]);
  });

  test('change nothing before the first row was read, when the whole table still will be', () => {
    const none: CopyProgress = { ...progress, lastKey: [], rowCount: 0 };
    assert.equal(withMovedKeys(none, [['1']]), none);
    assert.equal(withMovedKeys(progress, []), progress);
  });

  test('have the table copied from its beginning when they are too many, or their keys too long', () => {
    const again = { schemaName: 'public', tableName: 't', lastKey: [], rowCount: 0 };
    const many = Array.from({ length: movedKeysMax + 1 }, (_, index) => [String(-index)]);
    assert.deepEqual(withMovedKeys({ ...progress, movedKeys: [['-1']] }, many), again);
    assert.deepEqual(withMovedKeys(progress, [['x'.repeat(1_000_001)]]), again);
    assert.equal(withMovedKeys(progress, many.slice(1)).movedKeys?.length, movedKeysMax);
  });

  test('are read in portions, and none is left out', () => {
    const keys = Array.from({ length: 450 }, (_, index) => [String(index)]);
    const { now, later } = splitMovedKeys({ ...progress, movedKeys: keys });
    assert.deepEqual([...now, ...later], keys);
    assert.equal(now.length, 200);
  });
});
