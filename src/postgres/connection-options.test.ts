import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { describeAddress, parseConnectionUrl } from './connection-options.ts';

describe('address of PostgreSQL', () => {
  test('connections to other machines are verified unless the address says otherwise, connections to this one are plain', () => {
    const tlsOf = (rest: string): string => parseConnectionUrl(`postgres://u:p@${rest}`).tls;
    assert.equal(tlsOf('db.example.com/app'), 'verified');
    assert.equal(tlsOf('10.0.0.5/app'), 'verified');
    assert.equal(tlsOf('db.example.com/app?sslmode=require'), 'verified');
    assert.equal(tlsOf('db.example.com/app?sslmode=no-verify'), 'unverified');
    assert.equal(tlsOf('db.example.com/app?sslmode=disable'), 'none');
    assert.equal(tlsOf('127.0.0.1/app'), 'none');
    assert.equal(tlsOf('[::1]:5433/app'), 'none');
    assert.equal(tlsOf('localhost/app?sslmode=verify-full'), 'verified');
    assert.equal(tlsOf('localhost/app?host=/var/run/postgresql'), 'none');
  });

  test('every part is percent-decoded, and the description holds no password', () => {
    const options = parseConnectionUrl('postgres://u%40corp:p%3Aw%2F%24@db.example.com:6543/a%20b?connect_timeout=3');
    assert.equal(options.user, 'u@corp');
    assert.equal(options.password, 'p:w/$');
    assert.equal(options.database, 'a b');
    assert.equal(options.connectTimeoutMs, 3000);
    assert.equal(describeAddress(options), 'postgres://u@corp@db.example.com:6543/a b');
  });

  test('what is wrong is named without the address itself', () => {
    for (const text of [
      'planted-secret',
      'mysql://u:planted-secret@h/d',
      'postgres://:planted-secret@h/d',
      'postgres://u:planted-secret@h',
      'postgres://u:planted-secret@h/d?sslmode=maybe',
      'postgres://u:planted-secret@h/d?target_session_attrs=any',
      'postgres://u:planted-secret%zz@h/d',
      'postgres://u:planted-secret@h/d?connect_timeout=never',
    ]) {
      assert.throws(
        () => parseConnectionUrl(text),
        (error: Error & { code?: string }) =>
          error.code === 'HW-SOURCE-027' && !`${error.message}${String(error.cause)}`.includes('planted-secret'),
      );
    }
  });
});
