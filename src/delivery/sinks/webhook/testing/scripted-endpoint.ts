import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestCertificate } from './certificates.ts';

/** A request as it came. */
export interface ReceivedRequest {
  readonly id: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly atMs: number;
  /** The connection's number, from 1. */
  readonly connection: number;
}

/** What the endpoint answers with: a status, perhaps headers, or whatever the function does. */
export type ScriptedAnswer =
  | number
  | readonly [statusCode: number, headers: Readonly<Record<string, string>>]
  | ((...parameters: Parameters<RequestListener>) => void);

export interface ScriptedEndpointOptions {
  readonly answer?: (request: ReceivedRequest) => ScriptedAnswer;
  readonly host?: string;
  readonly port?: number;
  readonly certificate?: TestCertificate;
}

/** An endpoint in this process that does what a test says. Default: 204 to everything. */
export class ScriptedEndpoint implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #server: Server;
  #connectionCount = 0;
  #waiting: (() => void)[] = [];

  private constructor({ answer = (): number => 204, certificate }: ScriptedEndpointOptions) {
    const numbers = new WeakMap<object, number>();
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const received: ReceivedRequest = {
          id: String(request.headers['webhook-id']),
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks),
          atMs: performance.now(),
          connection: numbers.get(request.socket) ?? 0,
        };
        this.requests.push(received);
        for (const resolve of this.#waiting.splice(0)) resolve();
        const scripted = answer(received);
        if (typeof scripted === 'function') scripted(request, response);
        else if (typeof scripted === 'number') response.writeHead(scripted).end();
        else response.writeHead(scripted[0], scripted[1]).end();
      });
    };
    this.#server = certificate === undefined ? createHttpServer(listener) : createHttpsServer(certificate, listener);
    this.#server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: object) => {
      this.#connectionCount += 1;
      numbers.set(socket, this.#connectionCount);
    });
  }

  static async start(options: ScriptedEndpointOptions = {}): Promise<ScriptedEndpoint> {
    const endpoint = new ScriptedEndpoint(options);
    endpoint.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  get ids(): string[] {
    return this.requests.map(({ id }) => id);
  }

  /** Ends every connection, as a restarted receiver does. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  /** Resolves when so many requests have come. */
  async until(requestCount: number): Promise<void> {
    while (this.requests.length < requestCount) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
