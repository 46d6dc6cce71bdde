import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { skipReason } from '../../scripts/services/testing.ts';
import { createEventDatabase } from '../../src/application/testing/event-database.ts';
import { isVersionToken } from '../../src/application/fresh/token-handler.ts';

const exampleFile = new URL('../../examples/transact.ts', import.meta.url);
const pageFile = new URL('../../docs/how-to/transact.md', import.meta.url);

test('the page on transact shows the example that is run here', async () => {
  const example = await readFile(exampleFile, 'utf8');
  const page = await readFile(pageFile, 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
  assert.equal(shown, example.replace('../src/index.ts', 'headwater'));
});

test(
  'the example commits the order with its event, and is not applied twice',
  {
    skip: await skipReason('postgres18'),
  },
  async () => {
    await using stage = await createEventDatabase(18);
    await stage.database.query('alter table public.orders add total numeric');
    const env = { ...process.env, DATABASE_URL: stage.applicationUrl };
    const run = (): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, [fileURLToPath(exampleFile)], { env });
    const [word, token] = (await run()).stdout.trim().split(' ');
    assert.equal(word, 'committed');
    assert.ok(isVersionToken(token ?? ''));
    await assert.rejects(run(), { stdout: 'not-applied\n' });
    assert.deepEqual(
      (await stage.readEvents()).map(({ key }) => key),
      ['17'],
    );
    assert.deepEqual(await stage.database.query('select id, total::text from orders'), [{ id: '17', total: '12.50' }]);
  },
);
