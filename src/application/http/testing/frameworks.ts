import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import 'reflect-metadata';
import { Controller, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

import { toExpress } from '../express.ts';
import { toFastify } from '../fastify.ts';
import type { FetchHandler } from '../fetch-handler.ts';
import { toHono } from '../hono.ts';
import { type NestReplyLike, type NestRequestLike, toNest } from '../nest.ts';

/** A server of a framework, or its fetch function. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly send?: (request: Request) => Promise<Response>;
}

/** Serves a handler at `POST /orders`. */
export type Serve = (handler: FetchHandler) => Promise<Served>;

/** Every framework that has an adapter, in each way that bodies are read there. */
export const frameworks: Readonly<Record<string, Serve>> = {
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

/** Serves on a port of its own. */
export async function listen(listener: Parameters<typeof createServer>[1]): Promise<Served> {
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
