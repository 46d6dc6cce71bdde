import assert from 'node:assert/strict';
import { lchown, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HeadwaterError } from '../foundation/error.ts';
import { isProcessRunning, readProcessIdentity } from './process-identity.ts';
import { claimDirectory, parseDirectoryOwner, readDirectoryOwner } from './server-directory.ts';

async function makeDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'headwater-claim-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test('a directory has one owner at a time, also within one process', async () => {
  await using directory = await makeDirectory();
  const claim = await claimDirectory(directory.path);
  await assert.rejects(claimDirectory(directory.path), (error: unknown) => {
    return (
      error instanceof HeadwaterError && error.code === 'HW-EMBEDDED-006' && error.message.includes(String(process.pid))
    );
  });
  await claim.release();
  const next = await claimDirectory(directory.path);
  await next.release();
});

test('of many that find a dead owner one takes over', async () => {
  await using directory = await makeDirectory();
  await writeFile(
    join(directory.path, 'owner-1.json'),
    JSON.stringify({ owner: { pid: process.pid, started: 'long ago' } }),
  );
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => claimDirectory(directory.path)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.deepEqual(await readdir(directory.path), ['owner-2.json']);
});

test('one owns it at a time, however many take and give back at once', async () => {
  await using directory = await makeDirectory();
  let ownerCount = 0;
  let takenCount = 0;
  const contend = async (): Promise<void> => {
    for (let round = 0; round < 25; round += 1) {
      const claim = await claimDirectory(directory.path).catch(() => undefined);
      if (claim === undefined) continue;
      ownerCount += 1;
      takenCount += 1;
      assert.equal(ownerCount, 1);
      await readdir(directory.path);
      assert.equal(ownerCount, 1);
      ownerCount -= 1;
      await claim.release();
    }
  };
  await Promise.all(Array.from({ length: 8 }, contend));
  assert.ok(takenCount > 8, `${takenCount} times`);
});

test('a recycled pid is not the process that had it before', async () => {
  const own = await readProcessIdentity(process.pid);
  assert.ok(own !== undefined);
  assert.equal(await isProcessRunning(own), true);
  assert.equal(await isProcessRunning({ pid: own.pid, started: `${own.started}0` }), false);
});

test('a torn or foreign claim names no owner', async () => {
  const whole = JSON.stringify({ owner: { pid: 5, started: 'a' }, server: { pid: 6, started: 'b' } });
  for (let length = 0; length < whole.length; length += 1)
    assert.equal(parseDirectoryOwner(whole.slice(0, length)), undefined);
  for (const text of ['null', '[]', '{"owner":{"pid":-1,"started":"x"}}', '{"owner":{"pid":"1","started":"x"}}']) {
    assert.equal(parseDirectoryOwner(text), undefined, text);
  }
  assert.deepEqual(parseDirectoryOwner(whole), { owner: { pid: 5, started: 'a' }, server: { pid: 6, started: 'b' } });
});

test('a claim behind a symbolic link is not read, because somebody else may have laid it', async () => {
  await using directory = await makeDirectory();
  const elsewhere = join(directory.path, 'elsewhere.json');
  await writeFile(elsewhere, JSON.stringify({ owner: { pid: 5, started: 'a' } }));
  await symlink(elsewhere, join(directory.path, 'owner-1.json'));
  assert.equal(await readDirectoryOwner(directory.path), undefined);
  if (process.getuid?.() === 0) await lchown(join(directory.path, 'owner-1.json'), 65_534, 65_534);
  if (process.getuid?.() === 0) await assert.rejects(claimDirectory(directory.path), { code: 'HW-EMBEDDED-006' });
});
