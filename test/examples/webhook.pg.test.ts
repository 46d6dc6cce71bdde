import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { toPublishedImports } from '../../scripts/packaging/published-imports.ts';
import { createTestDatabase, skipReason } from '../../scripts/services/testing.ts';
import { webhookSink } from '../../src/delivery/sinks/webhook/webhook-sink.ts';
import { LaneStage } from '../../src/testing/lane-stage.ts';
import { testEvent } from '../../src/testing/memory-journal.ts';
import type { HeadwaterConfig } from '../../src/service/config-types.ts';
import { findLoopbackPort } from '../../src/postgres/loopback-port.ts';

const files = ['webhook.config.ts', 'webhook-receiver.ts'];
const receiverPath = fileURLToPath(new URL('../../examples/webhook-receiver.ts', import.meta.url));
const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;

test('the page on webhooks shows the examples that are run here', async () => {
  const page = await readFile(new URL('../../docs/how-to/sink-webhook.md', import.meta.url), 'utf8');
  const shown = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text);
  const expected = await Promise.all(
    files.map(async (name) => {
      const text = await readFile(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
      return toPublishedImports(text, 'headwater');
    }),
  );
  assert.deepEqual(shown, expected);
});

test('the example configuration describes the endpoint', async () => {
  process.env['ACME_WEBHOOK_SECRET'] = secret;
  const path = new URL('../../examples/webhook.config.ts', import.meta.url).href;
  const module = (await import(path)) as { readonly default: HeadwaterConfig };
  assert.equal(module.default.lanes?.['acme']?.sink.target, 'https://hooks.acme.example/orders');
});

test(
  'the example receiver has one effect for each record, although it is killed and records come again',
  { skip: await skipReason('postgres18') },
  async () => {
    await using database = await createTestDatabase({ major: 18 });
    await using stage = new LaneStage();
    const port = await findLoopbackPort();
    const env = { ...process.env, DATABASE_URL: database.url, WEBHOOK_SECRET: secret, PORT: String(port) };
    const start = (): ChildProcess => spawn(process.execPath, [receiverPath], { env, stdio: 'inherit' });
    const effects = async (): Promise<string[]> =>
      (await database.query<{ order_id: string }>('select order_id from parcels order by order_id::int')).map(
        (row) => row.order_id,
      );
    const sinkWith = (secrets: string): ReturnType<typeof webhookSink> =>
      webhookSink({ url: `http://127.0.0.1:${port}/`, secrets, allowHttp: true, allowPrivateAddresses: true });
    let receiver = start();
    try {
      const lane = stage.lane({ sink: sinkWith(secret) });
      await lane.start();
      const ids = Array.from({ length: 40 }, (_, index) => String(index));
      for (const id of ids) stage.journal.append([testEvent(`k${Number(id) % 4}`, `m-${id}`, `{"orderId":"${id}"}`)]);
      while (lane.status().deliveredCount < 10) await stage.clock.sleep(1);
      const closed = once(receiver, 'close');
      receiver.kill('SIGKILL');
      await closed;
      receiver = start();
      await lane.drain();
      assert.deepEqual(await effects(), ids);
      await lane.stop();
      // A new lane begins at the beginning: everything comes again.
      const again = stage.lane({ sink: sinkWith(secret), replaces: 'lane' }, 'again');
      await again.start();
      await again.drain();
      assert.equal(again.status().deliveredCount, 40);
      assert.deepEqual(await effects(), ids);
      await again.stop();
      const other = `whsec_${Buffer.alloc(32, 4).toString('base64')}`;
      const stranger = stage.lane({ sink: sinkWith(other), replaces: 'again' }, 'stranger');
      await stranger.start();
      await assert.rejects(stranger.drain(), { code: 'HW-LANE-012' });
      assert.equal(stranger.status().lastFailure?.error.code, 'HW-WEBHOOK-005');
    } finally {
      const closed = once(receiver, 'close');
      receiver.kill('SIGKILL');
      await closed;
    }
  },
);
