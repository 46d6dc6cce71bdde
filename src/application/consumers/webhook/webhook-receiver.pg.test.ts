import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { skipReason } from '../../../../scripts/services/testing.ts';
import { signMessage } from '../../../delivery/sinks/webhook/signature.ts';
import { parseSigningSecret } from '../../../delivery/sinks/webhook/webhook-secret.ts';
import { webhookSink } from '../../../delivery/sinks/webhook/webhook-sink.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { testEvent } from '../../../testing/memory-journal.ts';
import { aMessage, type InboxStage, openInboxStage } from '../../inbox/testing/inbox-stage.ts';
import { consumedInbox } from '../testing/consumed-inbox.ts';
import { webhookReceiver } from './webhook-receiver.ts';

const skip = await skipReason('postgres18');
const oldSecret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const newSecret = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;

function signed(id: string, content: unknown, secret = oldSecret): Request {
  const body = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  const timestamp = Math.floor(Date.now() / 1000);
  return new Request('https://shop.example/hook', {
    method: 'POST',
    body,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': `${timestamp}`,
      'webhook-signature': signMessage({ id, timestamp, body }, [parseSigningSecret(secret)]),
    },
  });
}

describe('the webhook receiver', { skip }, () => {
  let stage: InboxStage;
  before(async () => {
    stage = await openInboxStage();
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const table of ['effects', 'headwater.inbox', 'headwater.inbox_held']) {
      await stage.database.query(`truncate ${table}`);
    }
  });
  const status = async (request: Request, secrets: string | string[] = oldSecret): Promise<number> =>
    (await webhookReceiver({ inbox: consumedInbox(stage.pool), secrets, bodyBytesMax: 1000 })(request)).status;

  test('takes what the webhook sink sends, each once', async () => {
    const receive = webhookReceiver({ inbox: consumedInbox(stage.pool), secrets: oldSecret });
    const server = createServer((request, response) => {
      void request
        .toArray()
        .then((chunks: Buffer[]) => receive.take(request.headers, Buffer.concat(chunks)))
        .then(({ statusCode }) => response.writeHead(statusCode).end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const sink = (): ReturnType<typeof webhookSink> =>
      webhookSink({
        url: `http://127.0.0.1:${port}/`,
        secrets: oldSecret,
        allowHttp: true,
        allowPrivateAddresses: true,
      });
    await using lanes = new LaneStage();
    try {
      for (let index = 0; index < 10; index += 1) {
        lanes.journal.append([testEvent('k', `m.${index}`, `{"orderId":"${index}"}`)]);
      }
      for (const name of ['first', 'again']) {
        const lane = lanes.lane({ sink: sink(), ...(name === 'again' ? { replaces: 'first' } : {}) }, name);
        await lane.start();
        await lane.drain();
        await lane.stop();
      }
      assert.deepEqual(await stage.effects(), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('answers success only for what is committed, and the same to a duplicate', async () => {
    assert.equal(await status(signed('a', { data: { orderId: '1' } })), 204);
    assert.equal(await status(signed('a', { data: { orderId: '1' } })), 204);
    assert.equal(await status(signed('a', { data: { orderId: '2' } })), 409);
    assert.equal(await status(signed('b', { data: { orderId: 'poison' } })), 202);
    assert.equal(await status(signed('c', { data: { orderId: 'failing' } })), 503);
    assert.equal(await status(signed('d', { data: { orderId: 7 } })), 422);
    assert.equal(await status(signed('e', 'no JSON')), 400);
    assert.equal(await status(signed('f', { data: { orderId: 'x'.repeat(1000) } })), 413);
    assert.deepEqual(await stage.effects(), ['1']);
  });

  test('takes nothing that is not signed by one of its secrets, which may be two while one is replaced', async () => {
    assert.equal(await status(signed('a', { data: { orderId: '1' } }, newSecret)), 401);
    assert.deepEqual(await stage.effects(), []);
    assert.equal(await status(signed('a', { data: { orderId: '1' } }, newSecret), [oldSecret, newSecret]), 204);
    assert.equal(await status(signed('b', { data: { orderId: '2' } }, oldSecret), [oldSecret, newSecret]), 204);
    assert.equal(await status(signed('c', { data: { orderId: '3' } }), []), 503);
    assert.equal(await status(new Request('https://shop.example/', { method: 'POST', body: '{}' })), 401);
    assert.deepEqual(await stage.effects(), ['1', '2']);
  });

  test('reads what others send by a function of the user', async () => {
    const receive = webhookReceiver({
      inbox: consumedInbox(stage.pool),
      secrets: oldSecret,
      read: (id, body) => aMessage({ id, body: { orderId: body.toString() } }),
    });
    assert.equal((await receive(signed('a', 'plain'))).status, 204);
    assert.deepEqual(await stage.effects(), ['plain']);
  });
});
