import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { skipReason } from '../../scripts/services/testing.ts';
import { HeadwaterError } from '../foundation/error.ts';
import { locatePostgresBinaries, parseLinks, platformPackage } from './embedded-binaries.ts';
import { chooseServerUser } from './server-user.ts';

const NAME = 'postgres-under-test';
const projects: string[] = [];
after(async () => {
  process.chdir('/');
  for (const project of projects) {
    await chmod(join(project, 'node_modules', NAME, 'native/lib'), 0o755);
    await rm(project, { recursive: true, force: true });
  }
});

/** A project that has the real package under another name, as an install without scripts leaves it: no links. */
async function installWithoutScripts(): Promise<{ readonly root: string; readonly cache: string }> {
  const project = await mkdtemp(join(tmpdir(), 'headwater-binaries-'));
  projects.push(project);
  await chmod(project, 0o755);
  const root = join(project, 'node_modules', NAME);
  const installed = dirname(dirname(createRequire(import.meta.url).resolve(platformPackage())));
  await cp(installed, root, { recursive: true, verbatimSymlinks: true });
  for (const link of parseLinks(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8'))) {
    await rm(join(root, link.target), { force: true });
  }
  process.chdir(project);
  return { root, cache: join(project, 'cache') };
}

async function locate(cacheDirectory: string): Promise<string> {
  const source = { kind: 'package', name: NAME } as const;
  return (await locatePostgresBinaries({ source, user: await chooseServerUser(), cacheDirectory })).directory;
}

function runVersion(directory: string): string {
  return execFileSync(join(directory, 'postgres'), ['--version'], { encoding: 'utf8', cwd: '/' });
}

/** Makes the package unusable in place: closed to the server's user for root, read-only for an ordinary user. */
async function shut(root: string): Promise<void> {
  if (process.getuid?.() === 0) await chmod(root, 0o700);
  else await chmod(join(root, 'native/lib'), 0o555);
}

describe('binaries installed without install scripts', { skip: await skipReason('privatePostgres18') }, () => {
  test('run where they lie once the links are made, also when two processes make them at once', async () => {
    const { root, cache } = await installWithoutScripts();
    assert.throws(() => runVersion(join(root, 'native/bin')));
    const found = await Promise.all([locate(cache), locate(cache), locate(cache)]);
    assert.deepEqual(
      found,
      Array.from({ length: 3 }, () => join(root, 'native/bin')),
    );
    assert.match(runVersion(join(root, 'native/bin')), /PostgreSQL\) 18/);
  });

  test('run from one private copy when they cannot be used in place, also when several make it at once', async () => {
    const { root, cache } = await installWithoutScripts();
    await shut(root);
    const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => locate(cache)));
    assert.ok(first !== undefined && first.startsWith(cache), first);
    for (const other of others) assert.equal(other, first);
    assert.match(runVersion(first), /PostgreSQL\) 18/);
    assert.equal((await readdir(cache)).length, 1, 'no partial copy is left');
  });

  test('a copy that lost a file is made again', async () => {
    const { root, cache } = await installWithoutScripts();
    await shut(root);
    const directory = await locate(cache);
    await rm(join(directory, '../lib/postgresql/pgoutput.so'));
    assert.equal(await locate(cache), directory);
    assert.equal((await lstat(join(directory, '../lib/postgresql/pgoutput.so'))).isFile(), true);
  });

  test('are never run from a cache that others can write', async () => {
    const { root, cache } = await installWithoutScripts();
    await shut(root);
    await mkdir(cache);
    await chmod(cache, 0o777);
    const directory = await locate(cache).catch((error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-EMBEDDED-003');
      return 'refused';
    });
    assert.ok(!directory.startsWith(cache), directory);
    assert.deepEqual(await readdir(cache), []);
    // The copy went to the user's real cache, where nothing may stay.
    if (directory !== 'refused') await rm(dirname(dirname(directory)), { recursive: true });
  });
});

test('a missing package is named together with the command that installs it', async () => {
  await assert.rejects(
    locatePostgresBinaries({ source: { kind: 'package', name: '@absent/postgres' } }),
    (error: unknown) => {
      return (
        error instanceof HeadwaterError &&
        error.code === 'HW-EMBEDDED-001' &&
        error.hint.includes('npm install --save-dev @absent/postgres')
      );
    },
  );
});

test('a platform without binaries is refused by name', () => {
  assert.throws(
    () => platformPackage('win32', 'x64'),
    (error: unknown) => {
      return error instanceof HeadwaterError && error.code === 'HW-EMBEDDED-002' && error.message.includes('win32-x64');
    },
  );
});

test('a link list that leaves the package is refused', () => {
  const link = { source: 'native/lib/a.so.1', target: 'native/lib/a.so' };
  assert.deepEqual(parseLinks(JSON.stringify([link])), [link]);
  for (const target of ['/etc/passwd', 'native/../../x', 'elsewhere/x', 5]) {
    assert.throws(() => parseLinks(JSON.stringify([{ ...link, target }])), { code: 'HW-EMBEDDED-003' });
  }
  assert.throws(() => parseLinks('{}'), { code: 'HW-EMBEDDED-003' });
});
