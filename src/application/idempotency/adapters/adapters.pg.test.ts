import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';

import 'reflect-metadata';
import { Controller, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

import { skipReason } from '../../../../scripts/services/testing.ts';
import { type IdempotencyHarness, testIdempotency } from '../../../testing/idempotency-suite.ts';
import type { FetchHandler } from '../answer-request.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  orderOperation,
  placeOrder,
} from '../testing/idempotency-stage.ts';
import { toExpress } from './express.ts';
import { toFastify } from './fastify.ts';
import { toHono } from './hono.ts';
import { type NestReplyLike, type NestRequestLike, toNest } from './nest.ts';

/** A server of a framework, or its fetch function. */
interface Served extends AsyncDisposable {
  readonly url: string;
  readonly send?: (request: Request) => Promise<Response>;
}

type Serve = (handler: FetchHandler) => Promise<Served>;

const frameworks: Readonly<Record<string, Serve>> = {
  'a fetch handler': async (handler) => inProcess(handler),
  'Node without a framework': (handler) =>
    listen((request, response) => {
      void toExpress(handler)(request, response, (error) => response.writeHead(500).end(String(error)));
    }),
  'Express, body unread': (handler) => listen(express().post('/orders', toExpress(handler))),
  'Express behind express.json()': (handler) =>
    listen(express().use(express.json()).post('/orders', toExpress(handler))),
  'Express behind express.raw()': (handler) =>
    listen(
      express()
        .use(express.raw({ type: '*/*' }))
        .post('/orders', toExpress(handler)),
    ),
  Fastify: async (handler) => {
    const app = fastify().post('/orders', toFastify(handler));
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    return { url, [Symbol.asyncDispose]: () => app.close() };
  },
  Hono: async (handler) => {
    const app = new Hono().post('/orders', toHono(handler));
    return inProcess(async (request) => app.fetch(request));
  },
  'Hono behind a middleware that reads the body': async (handler) => {
    const app = new Hono()
      .use(async (context, next) => {
        await context.req.json();
        await next();
      })
      .post('/orders', toHono(handler));
    return inProcess(async (request) => app.fetch(request));
  },
  'NestJS on Express': (handler) => serveNest(handler, new ExpressAdapter()),
  'NestJS on Fastify': (handler) => serveNest(handler, new FastifyAdapter()),
};

async function inProcess(send: (request: Request) => Promise<Response>): Promise<Served> {
  return { url: 'http://shop.test', send, [Symbol.asyncDispose]: async () => undefined };
}

async function listen(listener: Parameters<typeof createServer>[1]): Promise<Served> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** Decorators are called by hand: Node runs this file as it stands. */
async function serveNest(handler: FetchHandler, platform: ExpressAdapter | FastifyAdapter): Promise<Served> {
  class OrderController {
    readonly #serve = toNest(handler);
    place(request: NestRequestLike, reply: NestReplyLike): Promise<void> {
      return this.#serve(request, reply);
    }
  }
  class ShopModule {
    readonly name = 'shop';
  }
  Controller('orders')(OrderController);
  const method = Object.getOwnPropertyDescriptor(OrderController.prototype, 'place') ?? assert.fail();
  Post()(OrderController.prototype, 'place', method);
  Req()(OrderController.prototype, 'place', 0);
  Res()(OrderController.prototype, 'place', 1);
  Module({ controllers: [OrderController] })(ShopModule);
  const app = await NestFactory.create(ShopModule, platform, { logger: false });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), [Symbol.asyncDispose]: () => app.close() };
}

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
