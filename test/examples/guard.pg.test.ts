import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { skipReason } from '../../scripts/services/testing.ts';
import { createEventDatabase } from '../../src/application/testing/event-database.ts';

const exampleFile = new URL('../../examples/guard.ts', import.meta.url);
const pageFile = new URL('../../docs/how-to/guard.md', import.meta.url);

test('the page on the guard shows the example that is run here', async () => {
  const example = await readFile(exampleFile, 'utf8');
  const page = await readFile(pageFile, 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
  assert.equal(shown, example.replace('../src/index.ts', 'headwater').replace('../src/guard.ts', 'headwater/guard'));
});

test(
  'the example is told where it calls the bank inside a transaction, and the bank is not called',
  { skip: await skipReason('postgres18') },
  async () => {
    await using stage = await createEventDatabase(18);
    let calls = 0;
    const bank = createServer((_request, response) => {
      calls += 1;
      response.end();
    });
    bank.listen(0, '127.0.0.1');
    await once(bank, 'listening');
    const bankUrl = `http://127.0.0.1:${(bank.address() as AddressInfo).port}`;
    const run = async (mode: string): Promise<string> => {
      const env = { ...process.env, DATABASE_URL: stage.applicationUrl, BANK_URL: bankUrl, NODE_ENV: mode };
      return (await promisify(execFile)(process.execPath, [fileURLToPath(exampleFile)], { env })).stderr;
    };
    try {
      assert.match(
        await run('development'),
        /network I\/O inside an open transaction: fetch to 127\.0\.0\.1:\d+ in transact\n +at .*guard\.ts:18:11\n[^]*begun here:\n[^]*placeOrderAndCall/,
      );
      assert.equal(calls, 0);
      const ids = (): Promise<unknown> => stage.database.query('select id from orders order by id');
      assert.deepEqual(await ids(), [{ id: '17' }]);
      await stage.database.query('delete from orders');
      assert.equal(await run('production'), '');
      assert.equal(calls, 1);
      assert.deepEqual(await ids(), [{ id: '17' }, { id: '18' }]);
    } finally {
      bank.closeAllConnections();
      bank.close();
    }
  },
);
