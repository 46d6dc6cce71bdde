import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimpleError, SocketClosedUnexpectedlyError } from '@redis/client';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { toRedisError } from './redis-error.ts';

test('an answer of Redis has the code that says whether waiting helps', () => {
  const answers: readonly (readonly [string, ErrorCode])[] = [
    ['WRONGPASS invalid username-password pair or user is disabled.', 'HW-SINK-002'],
    ['NOAUTH Authentication required.', 'HW-SINK-002'],
    ['ERR AUTH <password> called without any password configured for the default user.', 'HW-SINK-002'],
    ["NOPERM this user has no permissions to run the 'eval' command", 'HW-SINK-003'],
    ['ERR DB index is out of range', 'HW-SINK-006'],
    ['LOADING Redis is loading the dataset in memory', 'HW-REDIS-006'],
    ["READONLY You can't write against a read only replica. script: abc, on @user_script:1.", 'HW-REDIS-006'],
    ['ERR max number of clients reached', 'HW-REDIS-006'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'HW-REDIS-007'],
    ['MOVED 3999 127.0.0.1:6381', 'HW-REDIS-003'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'HW-REDIS-015'],
    ["ERR unknown command 'EVAL'", 'HW-REDIS-015'],
  ];
  for (const [answer, code] of answers)
    assert.equal(toRedisError(new SimpleError(answer), 'writing').code, code, answer);
});

test('an error of the path to Redis says nothing of the command, and one of TLS is no matter of waiting', () => {
  assert.equal(toRedisError(new SocketClosedUnexpectedlyError(), 'writing').code, 'HW-SINK-001');
  const withCode = (code: string): Error => Object.assign(new Error('no'), { code });
  assert.equal(toRedisError(withCode('ECONNREFUSED'), 'writing').code, 'HW-SINK-001');
  assert.equal(toRedisError(withCode('DEPTH_ZERO_SELF_SIGNED_CERT'), 'writing').code, 'HW-REDIS-002');
  assert.equal(toRedisError(withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'writing').code, 'HW-REDIS-002');
});
