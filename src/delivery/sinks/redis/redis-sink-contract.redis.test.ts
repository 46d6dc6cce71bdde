import { fileURLToPath } from 'node:url';
import { type PrivateRedis, redisUrl, skipReason, startPrivateRedis } from '../../../../scripts/services/testing.ts';
import type { SinkHarness } from '../../../testing/sink-harness.ts';
import { testSink } from '../../../testing/sink-suite.ts';
import { FaultProxy, holdsText } from '../../../testing/fault-proxy.ts';
import { killChild } from '../../../testing/kill-child.ts';
import { redisSink } from './redis-sink.ts';
import {
  parseSuiteKey,
  parseSuiteValue,
  type RedisChildOptions,
  suiteOptions,
  suiteRecord,
} from './testing/redis-child.ts';
import { TestRedis, uniquePrefix } from './testing/test-redis.ts';

const childModule = fileURLToPath(new URL('./testing/redis-child.ts', import.meta.url));
const isWrite = holdsText('-- headwater write');

type Form = RedisChildOptions['form'];

async function openHarness(url: string, form: Form): Promise<SinkHarness> {
  const { hostname, port } = new URL(url);
  const proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
  const prefix = uniquePrefix();
  const options = { url: proxy.reroute(url), form, prefix };
  const redis = await TestRedis.open(url);
  const readStored = form === 'stream' ? undefined : await redis.watch(`${prefix}row:`);
  const wrongUrl = new URL(options.url);
  wrongUrl.username = 'nobody-of-that-name';
  wrongUrl.password = 'wrong';
  let kills = 0;
  return {
    sink: redisSink(suiteOptions(options)),
    proxy,
    record: (request) => suiteRecord(form, request),
    async stored() {
      if (readStored !== undefined) return (await readStored()).map(parseSuiteKey);
      // The server may have been restarted since.
      await using now = await TestRedis.open(url);
      return (await now.entries(`${prefix}log`)).map(({ value }) => parseSuiteValue(value));
    },
    loseReply: () => proxy.loseReply({ request: isWrite }),
    cutBeforeEffect: () => proxy.cutBefore(isWrite),
    async deliverUntilKilled() {
      kills += 1;
      // First with one batch written and the next one not; then with one written and nobody told.
      await killChild(childModule, JSON.stringify(options), () =>
        kills === 1 ? proxy.holdBefore(isWrite, 1) : proxy.loseReply({ request: isWrite }),
      );
      proxy.cut();
      proxy.release();
    },
    withWrongLogin: { sink: redisSink({ ...suiteOptions(options), url: wrongUrl.href }), code: 'HW-SINK-002' },
    oversized: { size: 100_001, code: 'HW-SINK-005' },
    async [Symbol.asyncDispose]() {
      await redis[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

async function openOwnHarness(form: Form): Promise<SinkHarness & { readonly server: PrivateRedis }> {
  const server = await startPrivateRedis();
  const harness = await openHarness(server.url, form);
  return {
    ...harness,
    server,
    async restartServer() {
      await server.kill();
      await server.restart();
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

testSink({
  name: 'redis, as entries of a stream',
  skip: await skipReason('redis'),
  effects: 'once',
  tests: ['order', 'stop', 'held-path', 'cut-path', 'lost-reply', 'kill', 'oversized', 'wrong-login'],
  open: async () => openHarness(await redisUrl(), 'stream'),
});

for (const form of ['hash', 'json'] as const) {
  testSink({
    // A server of its own: it announces every write, so that repetitions are seen.
    name: `redis, as keys with a ${form}`,
    skip: await skipReason('privateRedis'),
    effects: 'once',
    tests: ['order', 'stop', 'held-path', 'cut-path', 'lost-reply', 'kill', 'oversized'],
    open: () => openOwnHarness(form),
  });
}

testSink({
  name: 'redis on a server of its own',
  skip: await skipReason('privateRedis'),
  effects: 'once',
  tests: ['restart'],
  open: () => openOwnHarness('stream'),
});
