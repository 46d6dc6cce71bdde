import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

const folder = new URL('.', import.meta.url);
const patches = (await readdir(folder)).filter((name) => name.endsWith('.patch'));

describe('the planted bugs', () => {
  test('fit the code as it stands, so that `npm run test:mutants` plants them all', async () => {
    assert.ok(patches.length > 0);
    const check = async (name: string): Promise<string | undefined> => {
      const path = new URL(name, folder).pathname;
      // As `run.ts` applies them.
      const applied = promisify(execFile)('git', ['apply', '--check', '--whitespace=nowarn', '-C1', path]);
      return await applied.then(
        () => undefined,
        () => name,
      );
    };
    const unfit: string[] = [];
    for (const name of patches) {
      const found = await check(name);
      if (found !== undefined) unfit.push(found);
    }
    assert.deepEqual(unfit, []);
  });
});
