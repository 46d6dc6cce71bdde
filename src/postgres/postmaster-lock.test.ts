import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePostmasterLock } from './postmaster-lock.ts';

const LOCK = '4711\n/tmp/x/data\n1763708400\n23652\n\n127.0.0.1\n  8650765     65536\nready   \n';

test('a server is ready only by the last line of its lock file', () => {
  assert.deepEqual(parsePostmasterLock(LOCK), { pid: 4711, isReady: true, sharedMemoryId: '65536' });
  assert.equal(parsePostmasterLock(LOCK.replace('ready   ', 'starting')).isReady, false);
});

test('no part of a half-written lock file reads as ready', () => {
  for (let length = 0; length < LOCK.indexOf('ready') + 'ready'.length; length += 1) {
    assert.equal(parsePostmasterLock(LOCK.slice(0, length)).isReady, false, `after ${length} bytes`);
  }
});
