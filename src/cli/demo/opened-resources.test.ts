import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { OpenedResources } from './opened-resources.ts';

describe('opened resources', () => {
  it('are closed once, in the opposite order, and all of them although one fails', async () => {
    const closed: string[] = [];
    const opened = new OpenedResources();
    const open = (name: string, failure?: Error) =>
      opened.use({
        async [Symbol.asyncDispose]() {
          closed.push(name);
          if (failure !== undefined) throw failure;
        },
      });
    open('first');
    open('second', new Error('second fails'));
    opened.defer(async () => void closed.push('deferred'));
    await assert.rejects(opened[Symbol.asyncDispose](), /second fails/);
    assert.deepEqual(closed, ['deferred', 'second', 'first']);
    await opened[Symbol.asyncDispose]();
    assert.equal(closed.length, 3);
  });
});
