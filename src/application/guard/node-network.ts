import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import type { NetworkWatch, SeenCall } from './network-watch.ts';
import { hookSockets } from './node-sockets.ts';

type ChannelCall = Omit<SeenCall, 'stack'>;

/**
 * The channels that tell of a call where it is made, in the caller's own context. Node's: https://nodejs.org/api/diagnostics_channel.html
 * (undici's are those of Node's `fetch` and of the package); then those of clients, which write later than they are called.
 */
const channels: Readonly<Record<string, (message: object) => ChannelCall | undefined>> = {
  'undici:request:create': readFetch,
  'http.client.request.created': readHttp,
  'http2.client.stream.created': readHttp2,
  'tracing:node-redis:command:start': readRedis,
  'tracing:ioredis:command:start': readRedis,
  'tracing:plt:kafka:producer:sends:start': readKafka,
};

/** Sees network calls until the function that it returns is called. */
export function hookNetwork<Unit extends object>(watch: NetworkWatch<Unit>): () => void {
  const listeners = Object.entries(channels).map(([name, read]) => {
    const listen = (message: unknown): void => {
      const unit = watch.current();
      if (unit === undefined || typeof message !== 'object' || message === null) return;
      const call = read(message);
      if (call !== undefined) watch.see(unit, { ...call, stack: watch.stack(listen) });
    };
    subscribe(name, listen);
    return () => unsubscribe(name, listen);
  });
  const undo = [...listeners, hookSockets(watch)];
  return () => {
    for (const restore of undo) restore();
  };
}

function readFetch(message: object): ChannelCall | undefined {
  const request = readObject(message, 'request');
  if (request === undefined) return undefined;
  const origin: unknown = Reflect.get(request, 'origin');
  return {
    via: 'fetch',
    target: URL.canParse(String(origin)) ? toHostAndPort(new URL(String(origin))) : 'an unknown host',
    protocol: 'http',
    refuse: refuseBy(request, 'onError'),
  };
}

function readHttp(message: object): ChannelCall | undefined {
  const request = readObject(message, 'request');
  if (request === undefined) return undefined;
  const path: unknown = Reflect.get(request, 'socketPath');
  const isPath = typeof path === 'string';
  return {
    via: 'http',
    target: isPath ? `unix:${path}` : readHttpTarget(request),
    protocol: 'http',
    refuse: refuseBy(request, 'destroy'),
  };
}

function readHttpTarget(request: object): string {
  const host = String(callMethod(request, 'getHeader', 'host') ?? Reflect.get(request, 'host'));
  const url = `${String(Reflect.get(request, 'protocol'))}//${host}`;
  return URL.canParse(url) ? toHostAndPort(new URL(url)) : host;
}

function readHttp2(message: object): ChannelCall | undefined {
  // The stream could be destroyed here, but its headers have left by then.
  const headers = readObject(message, 'headers');
  if (headers === undefined) return undefined;
  const url = `${String(Reflect.get(headers, ':scheme') ?? 'https')}://${String(Reflect.get(headers, ':authority'))}`;
  return {
    via: 'http2',
    target: URL.canParse(url) ? toHostAndPort(new URL(url)) : 'an unknown host',
    protocol: 'http',
  };
}

function readRedis(message: object): ChannelCall {
  const target = `${String(Reflect.get(message, 'serverAddress') ?? 'redis')}:${String(Reflect.get(message, 'serverPort') ?? 6379)}`;
  return { via: 'client', target, protocol: 'redis' };
}

function readKafka(message: object): ChannelCall {
  const client = readObject(message, 'client');
  const name: unknown = client === undefined ? undefined : Reflect.get(client, 'clientId');
  return {
    via: 'client',
    target: typeof name === 'string' ? `the brokers of client ${name}` : 'the brokers of a client',
    protocol: 'kafka',
  };
}

/** The port always, so that a request and its socket have one name. */
function toHostAndPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}

function readObject(holder: object, name: string): object | undefined {
  const value: unknown = Reflect.get(holder, name);
  return typeof value === 'object' && value !== null ? value : undefined;
}

function refuseBy(holder: object, method: string): ((error: Error) => void) | undefined {
  return typeof Reflect.get(holder, method) === 'function'
    ? (error) => void callMethod(holder, method, error)
    : undefined;
}

function callMethod(holder: object, name: string, argument: unknown): unknown {
  const method: unknown = Reflect.get(holder, name);
  return typeof method === 'function' ? Reflect.apply(method, holder, [argument]) : undefined;
}
