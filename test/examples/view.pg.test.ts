import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { toPublishedImports } from '../../scripts/packaging/published-imports.ts';
import { createTestDatabase, skipReason } from '../../scripts/services/testing.ts';

const examplePath = fileURLToPath(new URL('../../examples/view.ts', import.meta.url));

test('the page on views shows the example that is run here', async () => {
  const page = await readFile(new URL('../../docs/how-to/view.md', import.meta.url), 'utf8');
  const shown = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text);
  assert.deepEqual(shown, [toPublishedImports(await readFile(examplePath, 'utf8'), 'headwater')]);
});

test('the example of a view sums what the table holds', { skip: await skipReason('postgres18') }, async () => {
  await using source = await createTestDatabase({ major: 18 });
  await source.query('create table accounts (id int primary key, owner text, balance bigint not null)');
  await source.query('create publication headwater for table accounts');
  const url = await source.grantRole('capture', { copiedTables: ['public.accounts'] });
  const directory = await mkdtemp(join(tmpdir(), 'headwater-example-'));
  try {
    const env = { ...process.env, DATABASE_URL: url };
    const { stdout } = await promisify(execFile)(process.execPath, [examplePath], { env, cwd: directory });
    assert.match(stdout, /^0 at \d+, \d+ behind, ann: \n$/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
