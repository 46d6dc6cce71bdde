import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import type { JsonAnswer } from './json-request.ts';

/** Answers one request. What it rejects with becomes status 500. */
export type JsonHandler = (method: string, url: URL, body: unknown) => Promise<JsonAnswer>;

/** An HTTP server on the loopback address. */
export interface JsonServer {
  /** Breaks every connection and refuses new ones, without waiting for anything. */
  cut(): Promise<void>;
  /** Listens, at first and again after a cut. */
  listen(): Promise<void>;
  /** Takes nothing new and resolves when everything that was begun has been answered or given up. */
  drain(): Promise<void>;
}

/** Makes a server that listens nowhere yet. */
export function createJsonServer(port: number, answer: JsonHandler): JsonServer {
  const underWay = new Set<Promise<void>>();
  const server: Server = createServer((incoming, response) => {
    const work = respond(incoming, response, answer);
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  });
  server.keepAliveTimeout = 60_000;
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host: '127.0.0.1' }, () => {
          server.off('error', reject);
          resolve();
        });
      }),
    cut: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    async drain() {
      server.close();
      // A client that has gone away still has its request carried out, as everywhere.
      while (underWay.size > 0) await Promise.all(underWay);
      server.closeAllConnections();
    },
  };
}

async function respond(incoming: IncomingMessage, response: ServerResponse, answer: JsonHandler): Promise<void> {
  const { statusCode, body } = await carryOut(incoming, answer);
  response.on('error', () => undefined);
  response.writeHead(statusCode, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function carryOut(incoming: IncomingMessage, answer: JsonHandler): Promise<JsonAnswer> {
  try {
    const parts: Buffer[] = [];
    for await (const part of incoming) if (Buffer.isBuffer(part)) parts.push(part);
    const text = Buffer.concat(parts).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    return await answer(incoming.method ?? 'GET', new URL(incoming.url ?? '/', 'http://127.0.0.1'), body);
  } catch (error) {
    return { statusCode: 500, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}
