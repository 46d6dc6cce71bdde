import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { diffLines, orderServices, readOrderService } from './dual-write-page.ts';

describe('the page "Replace your dual write"', () => {
  for (const { file } of orderServices) {
    it(`changes at most ten lines of the service with ${file}`, () => {
      const changed = readOrderService(file).diff.filter(({ sign }) => sign !== ' ');
      assert.ok(changed.length > 0 && changed.length <= 10, `${changed.length} lines`);
    });
  }

  it('shows what is gone and what is new, and every line once', () => {
    const diff = diffLines(['a', 'b', 'c', 'd'], ['a', 'c', 'x', 'd', 'e']);
    assert.equal(diff.map(({ sign, text }) => sign + text).join(), ' a,-b, c,+x, d,+e');
  });
});
