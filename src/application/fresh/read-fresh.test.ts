import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { toLsn } from '../../model/lsn.ts';
import { encodeVersionToken } from '../../model/version-token.ts';
import { type FreshSource, readFresh } from './read-fresh.ts';

const token = encodeVersionToken([{ systemId: '7', timeline: 1, xid: 5n, lsn: toLsn(100n) }]);

/** A store that is fresh after so many milliseconds of waiting, and never before. */
function source(name: string, freshAfterMs: number): FreshSource<string> & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    name,
    asked,
    readyFor(_, { signal, timeoutMs = 0 }) {
      asked.push(timeoutMs);
      if (freshAfterMs === 0) return Promise.resolve();
      if (freshAfterMs > timeoutMs) {
        return Promise.reject(new HeadwaterError('HW-TOKEN-005', `${name} is behind`));
      }
      return new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        queueMicrotask(() => resolve(undefined));
      });
    },
    read: () => `from ${name}`,
  };
}

describe('a read that must not miss a write', () => {
  it('goes to the first source that is fresh already', async () => {
    const answer = await readFresh({ token, sources: [source('a', 50), source('b', 0)], primary: () => 'primary' });
    assert.deepEqual([answer.value, answer.from], ['from b', 'b']);
  });

  it('waits for the first one that becomes fresh', async () => {
    const sources = [source('a', Infinity), source('b', 50)] as const;
    const answer = await readFresh({ token, sources, timeoutMs: 100, primary: () => 'primary' });
    assert.equal(answer.from, 'b');
    assert.deepEqual(sources[0].asked, [0, 100]);
  });

  it('falls back to the primary, and without one says how far the preferred source is', async () => {
    const sources = [source('a', Infinity)] as const;
    assert.equal((await readFresh({ token, sources, primary: () => 'primary' })).from, 'primary');
    await assert.rejects(readFresh({ token, sources }), { code: 'HW-TOKEN-005', message: 'a is behind' });
    const policy = ['wait'] as const;
    await assert.rejects(readFresh({ token, sources, policy, primary: () => 'primary' }), { code: 'HW-TOKEN-005' });
  });

  it('waits for nothing without a token, and asks nobody about what is none', async () => {
    const one = source('a', Infinity);
    assert.equal((await readFresh({ token: undefined, sources: [one] })).value, 'from a');
    await assert.rejects(readFresh({ token: 'rubbish', sources: [one], primary: () => 'primary' }), {
      code: 'HW-TOKEN-001',
    });
    assert.deepEqual(one.asked, []);
  });

  it('ends with the reason of its caller', async () => {
    const reason = new Error('the client went away');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(readFresh({ token, sources: [source('a', Infinity)], primary: () => 'p', signal }), reason);
  });

  it('gives the error of a read that fails, and reads nothing else instead', async () => {
    const broken = { ...source('a', 0), read: (): string => assert.fail('the store is broken') };
    await assert.rejects(readFresh({ token, sources: [broken], primary: () => 'primary' }), /broken/);
  });
});
