import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { skipReason } from '../../scripts/services/testing.ts';
import { createEventDatabase } from '../../src/application/testing/event-database.ts';

const exampleFile = new URL('../../examples/emit.ts', import.meta.url);
const pageFile = new URL('../../docs/how-to/emit.md', import.meta.url);

test('the page on emit shows the example that is run here', async () => {
  const example = await readFile(exampleFile, 'utf8');
  const page = await readFile(pageFile, 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
  assert.equal(shown, example.replace('../src/emit.ts', 'headwater/emit'));
});

test('the example writes the order and its event', { skip: await skipReason('postgres18') }, async () => {
  await using stage = await createEventDatabase(18);
  await stage.database.query('alter table public.orders add total numeric');
  const env = { ...process.env, DATABASE_URL: stage.applicationUrl };
  await promisify(execFile)(process.execPath, [fileURLToPath(exampleFile)], { env });
  const [event, ...others] = await stage.readEvents();
  assert.deepEqual(others, []);
  assert.equal(event?.key, '17');
  assert.equal(new TextDecoder().decode(event.payload), '{"orderId":"17","total":"12.50"}');
  assert.deepEqual(await stage.database.query('select id, total::text from orders'), [{ id: '17', total: '12.50' }]);
});
