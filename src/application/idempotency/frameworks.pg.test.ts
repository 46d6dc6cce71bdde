import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import express from 'express';
import { skipReason } from '../../../scripts/services/testing.ts';
import { frameworks, listen, type Serve, type Served } from '../http/testing/frameworks.ts';
import { type IdempotencyHarness, testIdempotency } from '../../testing/idempotency-suite.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  orderOperation,
  placeOrder,
} from './testing/idempotency-stage.ts';
import { toExpress } from '../http/express.ts';

const skip = await skipReason('postgres18');
let stage: IdempotencyStage;
if (skip === false) {
  before(async () => {
    stage = await createIdempotencyStage(18, (pool) => pool);
  });
  after(() => stage[Symbol.asyncDispose]());
}

async function openHarness(serve: Serve): Promise<IdempotencyHarness & { readonly served: Served }> {
  await stage.clear();
  let isFailing = false;
  let held: Promise<void> | undefined;
  const operation = orderOperation(async (tx, context) => {
    const response = await placeOrder(tx, context);
    const [waits, fails] = [held, isFailing];
    held = undefined;
    isFailing = false;
    await waits;
    if (fails) throw new Error('a bug');
    return response;
  });
  const served = await serve(stage.open({ waitMsMax: 300 }).handler(operation));
  return {
    served,
    ...(served.send === undefined ? {} : { send: served.send }),
    request: (wish) =>
      new Request(`${served.url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ note: `wish ${wish}` }),
      }),
    countEffects: () => stage.countOrders(),
    asOther(request) {
      request.headers.set('x-user', 'bob');
      return request;
    },
    invalidRequest: () =>
      new Request(`${served.url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"comment":"no note"}',
      }),
    failNext() {
      isFailing = true;
    },
    holdNext() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return () => resolve();
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
}

const tests = [
  'missing-key',
  'invalid-key',
  'replay',
  'unquoted-key',
  'mismatch',
  'two-keys',
  'at-once',
  'in-progress',
  'other-principal',
  'invalid-request',
  'failure',
] as const;
for (const [name, serve] of Object.entries(frameworks)) {
  testIdempotency({ name, open: () => openHarness(serve), skip, tests });
}

describe('adapters to frameworks', { skip }, () => {
  beforeEach(() => stage.clear());

  for (const [name, serve] of Object.entries(frameworks)) {
    if (!/^(Node|Express|Fastify|NestJS)/.test(name)) continue;
    it(`${name}: every header, cookie and byte of the answer goes out, at each repetition`, async () => {
      await using harness = await openHarness(serve);
      for (const isReplay of [false, true]) {
        const request = harness.request(1);
        request.headers.set('idempotency-key', '"a"');
        const response = await fetch(request);
        const { id, text: sent } = (await response.json()) as { readonly id: string; readonly text: string };
        assert.equal(response.headers.get('location'), `/orders/${id}`);
        assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
        assert.equal(response.headers.get('content-type'), 'application/json');
        assert.equal(response.headers.has('idempotent-replayed'), isReplay);
        assert.equal(sent, 'naïve 🌍');
      }
    });
  }

  it('answers 413 to a body without an announced length, on a connection that stays whole', async () => {
    await using served = await listen(
      express().post('/orders', toExpress(stage.open({ bodyBytesMax: 100 }).handler(orderOperation()))),
    );
    const { port } = new URL(served.url);
    const socket = connect(Number(port), '127.0.0.1');
    const head =
      'POST /orders HTTP/1.1\r\nhost: shop\r\nidempotency-key: "a"\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n';
    socket.write(`${head}800\r\n${'x'.repeat(2048)}\r\n0\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 413 [\s\S]*HW-IDEMPOTENCY-005/);
  });

  it('joins a header that came twice to what no key can be', async () => {
    await using harness = await openHarness(frameworks['Express, body unread'] ?? assert.fail());
    const request = harness.request(1);
    request.headers.append('idempotency-key', '"a"');
    request.headers.append('idempotency-key', '"b"');
    assert.equal((await fetch(request)).status, 400);
  });

  it('hands a body that cannot be told apart to nobody: the framework gets the error', async () => {
    const errors: unknown[] = [];
    const place = toExpress(stage.open().handler(orderOperation()));
    await using served = await listen(
      express().post(
        '/orders',
        async (request, _response, next) => {
          await text(request);
          next();
        },
        (request, response) =>
          place(request, response, (error) => {
            errors.push(error);
            response.status(500).end();
          }),
      ),
    );
    const init = { method: 'POST', headers: { 'idempotency-key': '"a"' }, body: '{"note":"x"}' };
    assert.equal((await fetch(`${served.url}/orders`, init)).status, 500);
    assert.deepEqual(
      errors.map((error) => (error as { readonly code: string }).code),
      ['HW-IDEMPOTENCY-015'],
    );
  });

  it('gives principal and parse what the framework knows', async () => {
    const seen: unknown[] = [];
    const edge = stage.open({
      principal: (_request, native) => {
        seen.push((native as { readonly user?: string }).user);
        return (native as { readonly user: string }).user;
      },
    });
    const operation = orderOperation();
    const handler = edge.handler({
      ...operation,
      parse(request, native) {
        seen.push((native as { readonly params: { readonly shop: string } }).params.shop);
        return operation.parse(request, native);
      },
    });
    const app = express().post(
      '/shops/:shop/orders',
      (request, _response, next) => {
        Object.assign(request, { user: 'carl' });
        next();
      },
      toExpress(handler),
    );
    await using served = await listen(app);
    const init = { method: 'POST', headers: { 'idempotency-key': '"a"' }, body: '{"note":"x"}' };
    assert.equal((await fetch(`${served.url}/shops/nine/orders`, init)).status, 201);
    assert.deepEqual(seen, ['carl', 'nine']);
    assert.equal((await stage.readRow())['principal'], 'carl');
  });
});
