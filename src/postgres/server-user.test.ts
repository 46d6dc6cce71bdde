import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnprivilegedUser, mayEnter } from './server-user.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/bash',
  'postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash',
  'nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin',
  '',
].join('\n');

test('prefers nobody, then postgres, and never makes up a user', () => {
  assert.deepEqual(findUnprivilegedUser(PASSWD), { uid: 65534, gid: 65533 });
  assert.deepEqual(findUnprivilegedUser(PASSWD.replace('nobody', 'somebody')), { uid: 101, gid: 104 });
  assert.equal(findUnprivilegedUser('root:x:0:0:root:/root:/bin/bash\n'), undefined);
  assert.equal(findUnprivilegedUser(''), undefined);
});

test('never drops to a user that is root or has no usable number', () => {
  assert.equal(findUnprivilegedUser('nobody:x:0:0:::\n'), undefined);
  assert.equal(findUnprivilegedUser('nobody:*:-2:-2:::\n'), undefined);
  assert.equal(findUnprivilegedUser('nobody:x::::\n'), undefined);
});

test('the first matching class of permission bits decides, as in the kernel', () => {
  const user = { uid: 65534, gid: 65534 };
  assert.equal(mayEnter({ uid: 0, gid: 0, mode: 0o40755 }, user), true);
  assert.equal(mayEnter({ uid: 0, gid: 0, mode: 0o40700 }, user), false);
  assert.equal(mayEnter({ uid: 0, gid: 65534, mode: 0o40710 }, user), true);
  assert.equal(mayEnter({ uid: 0, gid: 65534, mode: 0o40701 }, user), false);
  assert.equal(mayEnter({ uid: 65534, gid: 0, mode: 0o40100 }, user), true);
  assert.equal(mayEnter({ uid: 65534, gid: 0, mode: 0o40077 }, user), false);
});
