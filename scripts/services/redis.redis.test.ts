import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { createClient } from '@redis/client';
import { isProcessRunning } from '../../src/postgres/process-identity.ts';
import { readDirectoryOwner } from '../../src/postgres/server-directory.ts';
import { redisUrl, skipReason, startPrivateRedis } from './testing.ts';

async function command(url: string, ...words: readonly string[]): Promise<unknown> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand([...words]);
  } finally {
    client.destroy();
  }
}

describe('Redis', { skip: await skipReason('redis', 'privateRedis') }, () => {
  test('the shared server answers', async () => {
    assert.equal(await command(await redisUrl(), 'PING'), 'PONG');
  });

  test('a private server keeps its address and what it acknowledged over a stop and over a kill', async () => {
    const redis = await startPrivateRedis();
    await command(redis.url, 'SET', 'stopped', '1');
    await redis.stop();
    assert.equal(redis.isRunning, false);
    await redis.restart();
    await command(redis.url, 'SET', 'killed', '2');
    const server = (await readDirectoryOwner(redis.directory))?.server;
    assert.ok(server !== undefined && (await isProcessRunning(server)));
    await redis.kill();
    assert.equal(await isProcessRunning(server), false);
    await redis.restart();
    assert.deepEqual(await command(redis.url, 'MGET', 'stopped', 'killed'), ['1', '2']);
    await redis[Symbol.asyncDispose]();
    await assert.rejects(access(redis.directory), { code: 'ENOENT' });
  });

  test('a private server takes other settings at a restart', async () => {
    await using redis = await startPrivateRedis({ settings: { appendfsync: 'everysec' } });
    const read = async (): Promise<unknown> => command(redis.url, 'INFO', 'persistence');
    assert.match(String(await read()), /aof_enabled:1/);
    await redis.restart({ appendonly: 'no' });
    assert.match(String(await read()), /aof_enabled:0/);
  });
});
