import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { skipReason, startPrivateRedis } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { unchanged } from '../../../model/row.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { deleteRow, insertRow, testTable, updateRow } from '../../testing/test-table.ts';
import type { RedisSinkOptions } from './redis-options.ts';
import { redisSink } from './redis-sink.ts';
import { TestRedis } from './testing/test-redis.ts';

const run = promisify(execFile);
const orders = testTable('orders', [{ name: 'id', isKey: true }, { name: 'note' }]);

/** What opening a sink says: a code, or `open`. */
async function openOnce(options: RedisSinkOptions): Promise<ErrorCode | 'open'> {
  await using stage = new LaneStage();
  try {
    await using sink = await redisSink(options).open(stage.sinkContext());
    return sink.capabilities.checkpointIn === 'sink' ? 'open' : 'HW-INTERNAL-001';
  } catch (thrown) {
    return HeadwaterError.from(thrown).code;
  }
}

describe('a server of Redis', { skip: await skipReason('privateRedis') }, () => {
  test('that keeps less than the lane asks for is refused by name, and taken when less is asked for', async () => {
    await using server = await startPrivateRedis({ settings: { appendonly: 'no' } });
    const { url } = server;
    assert.equal(await openOnce({ url }), 'HW-REDIS-004');
    assert.equal(await openOnce({ url, durability: 'none' }), 'open');
    await server.restart({ appendonly: 'yes', appendfsync: 'no' });
    assert.equal(await openOnce({ url }), 'HW-REDIS-004');
    await server.restart({ appendonly: 'yes', appendfsync: 'everysec' });
    assert.equal(await openOnce({ url }), 'open');
    assert.equal(await openOnce({ url, durability: 'always' }), 'HW-REDIS-004');
    await server.restart({ appendonly: 'yes', appendfsync: 'always' });
    assert.equal(await openOnce({ url, durability: 'always' }), 'open');
  });

  test('that may drop keys is refused by name, unless readers can miss one', async () => {
    await using server = await startPrivateRedis({
      settings: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' },
    });
    assert.equal(await openOnce({ url: server.url }), 'HW-REDIS-005');
    assert.equal(await openOnce({ url: server.url, acceptEviction: true }), 'open');
  });

  test('in cluster mode is refused by name', async () => {
    await using server = await startPrivateRedis({ settings: { 'cluster-enabled': 'yes' } });
    assert.equal(await openOnce({ url: server.url }), 'HW-REDIS-003');
  });

  test('that is a replica is waited for', async () => {
    await using primary = await startPrivateRedis({ settings: { 'repl-diskless-sync-delay': '0' } });
    await using replica = await startPrivateRedis({ settings: { replicaof: `127.0.0.1 ${primary.port}` } });
    await waitUntil('the replica has its data', async () => {
      await using redis = await TestRedis.open(replica.url);
      return String(await redis.command('INFO', 'replication')).includes('master_link_status:up');
    });
    assert.equal(await openOnce({ url: replica.url }), 'HW-REDIS-006');
  });

  test('that still loads its data is waited for, although it says that it keeps no file', async () => {
    await using server = await startPrivateRedis();
    {
      await using redis = await TestRedis.open(server.url);
      // It answers while it loads, but only after each thousand of commands.
      await redis.command('EVAL', "for i = 1, 6000 do redis.call('SET', 'key-' .. i, i) end", '0');
    }
    await server.kill();
    const restarted = server.restart({ 'key-load-delay': '250' });
    const answers = new Set<string>();
    let answer: string;
    do {
      answer = await openOnce({ url: server.url, durability: 'always' });
      answers.add(answer);
    } while (['HW-SINK-001', 'HW-REDIS-006'].includes(answer));
    await restarted;
    assert.equal(answer, 'open');
    assert.ok(answers.has('HW-REDIS-006'), [...answers].join(' '));
  });

  test('that is full writes nothing of a batch, and all of it once there is room', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    await using redis = await TestRedis.open(server.url);
    const lane = stage.lane({ sink: redisSink({ url: server.url }) });
    await lane.start();
    stage.journal.append([insertRow(orders, '0', 'first')]);
    await lane.drain();
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    stage.journal.append([insertRow(orders, '1', 'x'), insertRow(orders, '2', 'x')]);
    await waitUntil('the lane was refused', () => lane.status().lastFailure?.error.code === 'HW-REDIS-007');
    assert.deepEqual(await redis.keys('public.orders:'), ['public.orders:0']);
    assert.match(String(await redis.command('HGET', 'headwater:lane:test:lane', 'place')), / 1\+0$/);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await lane.drain();
    assert.equal((await redis.keys('public.orders:')).length, 3);
  });

  test('whose scripts are forgotten is written to as before', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    await using redis = await TestRedis.open(server.url);
    const lane = stage.lane({ sink: redisSink({ url: server.url }) });
    await lane.start();
    for (const id of ['1', '2']) {
      stage.journal.append([insertRow(orders, id, 'x')]);
      await lane.drain();
      await redis.command('SCRIPT', 'FLUSH');
    }
    assert.equal((await redis.keys('public.orders:')).length, 2);
    assert.equal(lane.status().retryCount, 0);
  });

  test('refuses a wrong password, a missing right and a missing database by name, and no error holds the password', async () => {
    await using server = await startPrivateRedis();
    {
      await using redis = await TestRedis.open(server.url);
      // As docs/how-to/sink-redis.md has them.
      const commands = ['+@read', '+@write', '+eval', '+info', '+config|get', '+select', '+client|setname'];
      const rights = ['~headwater:*', '~public.*', ...commands];
      await redis.command('ACL', 'SETUSER', 'writer', 'on', '>right:/@%', ...rights);
      await redis.command('ACL', 'SETUSER', 'reader', 'on', '>right', '~*', '+@read');
    }
    const address = (login: string, database = '0'): string => `redis://${login}@127.0.0.1:${server.port}/${database}`;
    const writer = { url: address('writer:right%3A%2F%40%25') };
    assert.equal(await openOnce(writer), 'open');
    {
      await using stage = new LaneStage();
      const lane = stage.lane({ sink: redisSink(writer) });
      await lane.start();
      stage.journal.append([insertRow(orders, '1', 'x'), updateRow(orders, ['1', unchanged])]);
      stage.journal.append([updateRow(orders, ['1', unchanged]), deleteRow(orders, '1')]);
      await lane.drain();
    }
    assert.equal(await openOnce({ url: address('reader:right'), durability: 'none' }), 'HW-SINK-003');
    assert.equal(await openOnce({ url: address('writer:right%3A%2F%40%25', '99') }), 'HW-SINK-006');
    await using stage = new LaneStage();
    const wrong = redisSink({ url: address('writer:planted-secret') });
    await assert.rejects(wrong.open(stage.sinkContext()), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-SINK-002');
      const text = `${error.message} ${error.hint} ${JSON.stringify(error.details)} ${error.stack} ${wrong.target}`;
      assert.ok(!text.includes('planted-secret'));
      return true;
    });
  });

  test('that hides its settings is refused unless nothing is asked of them', async () => {
    await using server = await startPrivateRedis();
    {
      await using redis = await TestRedis.open(server.url);
      await redis.command('ACL', 'SETUSER', 'blind', 'on', '>right', '~*', '+@all', '-info', '-config');
      await redis.command('ACL', 'SETUSER', 'short', 'on', '>right', '~*', '+@all', '-config');
    }
    const address = (user: string): string => `redis://${user}:right@127.0.0.1:${server.port}`;
    assert.equal(await openOnce({ url: address('blind') }), 'HW-REDIS-004');
    assert.equal(await openOnce({ url: address('blind'), durability: 'none' }), 'open');
    assert.equal(await openOnce({ url: address('short') }), 'open');
    assert.equal(await openOnce({ url: address('short'), durability: 'always' }), 'HW-REDIS-004');
  });

  test('is spoken to with TLS, and its certificate is checked', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'headwater-redis-tls-'));
    try {
      const certFile = join(directory, 'cert.pem');
      const keyFile = join(directory, 'key.pem');
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const files = ['-keyout', keyFile, '-out', certFile];
      await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files]);
      await using server = await startPrivateRedis({ tls: { certFile, keyFile } });
      const ca = await readFile(certFile, 'utf8');
      const url = `rediss://localhost:${server.port}`;
      assert.equal(await openOnce({ url, tls: { ca } }), 'open');
      assert.equal(await openOnce({ url }), 'HW-REDIS-002');
      assert.equal(await openOnce({ url: `rediss://127.0.0.1:${server.port}`, tls: { ca } }), 'HW-REDIS-002');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('that is not there is told from one that refuses', async () => {
    await using server = await startPrivateRedis();
    await server.stop();
    assert.equal(await openOnce({ url: server.url }), 'HW-SINK-001');
  });
});
