import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import pg from 'pg';
import { createClient } from '@redis/client';

import { startScratchNats } from '../../scripts/services/nats.ts';
import { startScratchPostgres } from '../../scripts/services/postgres.ts';
import { startScratchRabbitmq } from '../../scripts/services/rabbitmq.ts';
import { startScratchRedis } from '../../scripts/services/redis.ts';
import { TestStreams } from '../../src/delivery/sinks/nats/testing/test-streams.ts';
import { withBroker } from '../../src/delivery/sinks/rabbitmq/testing/test-broker.ts';
import { natsStream, rabbitmqPlace, type SinkKind } from './sink-kinds.ts';

/** Where the runs of one sink write. */
export interface SinkPlace extends AsyncDisposable {
  /** An empty target for the next run: an address or a directory. */
  next(number: number): Promise<string>;
}

/** Starts what a sink needs. */
export type OpenSinkPlace = (options: { readonly scratch: string; readonly signal: AbortSignal }) => Promise<SinkPlace>;

/** What each sink needs. */
export const sinkPlaces: Readonly<Record<SinkKind, OpenSinkPlace>> = {
  postgres: openPostgres,
  sqlite: openDirectory,
  file: openDirectory,
  redis: openRedis,
  nats: openNats,
  rabbitmq: openRabbitmq,
  webhook: openReceiver,
};

async function openPostgres({ signal }: { readonly signal: AbortSignal }): Promise<SinkPlace> {
  const settings = { max_wal_size: '8GB', checkpoint_timeout: '30min', shared_buffers: '256MB' };
  const server = await startScratchPostgres({ major: 18, signal, settings });
  return {
    async next(number) {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query(`create database run_${number}`);
      await client.query('checkpoint');
      await client.end();
      const url = new URL(server.url);
      url.pathname = `/run_${number}`;
      return url.href;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function openDirectory({ scratch }: { readonly scratch: string }): Promise<SinkPlace> {
  return Promise.resolve({
    async next(number) {
      const directory = join(scratch, `target-${number}`);
      await mkdir(directory);
      return directory;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

async function openRedis({ signal }: { readonly signal: AbortSignal }): Promise<SinkPlace> {
  const server = await startScratchRedis({ signal, settings: { appendonly: 'yes', appendfsync: 'everysec' } });
  return {
    async next() {
      const client = createClient({ url: server.url });
      await client.connect();
      await client.flushAll();
      client.destroy();
      return server.url;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function openNats({ signal }: { readonly signal: AbortSignal }): Promise<SinkPlace> {
  const server = await startScratchNats({ signal });
  return {
    async next() {
      await using streams = await TestStreams.open(server.address);
      for (const stream of [natsStream, 'headwater-position'])
        await streams.manager.streams.delete(stream).catch(() => false);
      return server.address;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function openRabbitmq({ signal }: { readonly signal: AbortSignal }): Promise<SinkPlace> {
  const server = await startScratchRabbitmq({ signal });
  return {
    async next() {
      await withBroker(server.url, async (broker) => {
        await broker.channel.deleteQueue(rabbitmqPlace).catch(() => undefined);
      });
      await withBroker(server.url, async (broker) => {
        await broker.createExchange(rabbitmqPlace);
        await broker.createQueue(rabbitmqPlace);
        await broker.channel.bindQueue(rabbitmqPlace, rabbitmqPlace, '#');
      });
      return server.url;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** It answers at once and keeps nothing: what the sender can do is wanted, not what a receiver does. */
async function openReceiver(): Promise<SinkPlace> {
  const server = createServer((message, response) => {
    message.resume();
    message.on('end', () => response.writeHead(204).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    next: () => Promise.resolve(`http://127.0.0.1:${port}/`),
    [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      return Promise.resolve();
    },
  };
}
