import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type PrivateRabbitmq, skipReason, startPrivateRabbitmq } from '../../../../scripts/services/testing.ts';
import { type SinkHarness, type StoredRecord, testSink } from '../../sink.suite.ts';
import { FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { killChild } from '../../testing/kill-child.ts';
import { parseSuiteRecord, suiteRecord } from '../kafka/testing/kafka-child.ts';
import { rabbitmqSink } from './rabbitmq-sink.ts';
import { proxiedOptions, type RabbitmqChildOptions } from './testing/rabbitmq-child.ts';
import { addressOf, uniqueName, withBroker } from './testing/test-broker.ts';

/* One broker for the whole file. Each test has an exchange and a queue of its own. */
let started: Promise<PrivateRabbitmq> | undefined;

function server(): Promise<PrivateRabbitmq> {
  started ??= startPrivateRabbitmq();
  return started;
}

after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

async function openHarness(): Promise<SinkHarness> {
  const rabbitmq = await server();
  const proxy = await FaultProxy.start(addressOf(rabbitmq.url));
  const place = await withBroker(rabbitmq.url, (broker) => broker.createPlace());
  const options: RabbitmqChildOptions = { proxyPort: proxy.port, ...place };
  const isRecord = holdsText('event.suite.record');
  const missing = uniqueName('missing');
  const taken: StoredRecord[] = [];
  let readQueue = place.queue;
  let kills = 0;
  return {
    sink: rabbitmqSink(proxiedOptions(options)),
    proxy,
    record: suiteRecord,
    stored: () =>
      withBroker(rabbitmq.url, async (broker) => {
        const messages = await broker.take(readQueue);
        taken.push(...messages.map(({ content }) => parseSuiteRecord(content.toString())));
        return [...taken];
      }),
    loseReply: () => proxy.loseReply({ request: isRecord }),
    cutBeforeEffect: () => proxy.cutBefore(isRecord),
    async deliverUntilKilled() {
      kills += 1;
      await killChild(childPath, JSON.stringify(options), () => proxy.holdBefore(isRecord, 5 * kills));
      proxy.cut();
      proxy.release();
    },
    restartServer: () => rabbitmq.restart(),
    withWrongLogin: {
      sink: rabbitmqSink({
        ...proxiedOptions(options),
        auth: { kind: 'password', user: 'guest', password: 'wrong' },
      }),
      code: 'HW-RABBITMQ-004',
    },
    withMissingPlace: {
      sink: rabbitmqSink(proxiedOptions({ ...options, queue: missing })),
      code: 'HW-RABBITMQ-006',
      async create() {
        readQueue = missing;
        await withBroker(rabbitmq.url, async (broker) => {
          await broker.createQueue(missing);
          await broker.channel.bindQueue(missing, place.exchange, '#');
        });
      },
    },
    oversized: { size: 1_100_000, code: 'HW-RABBITMQ-008' },
    async [Symbol.asyncDispose]() {
      proxy.release();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const childPath = fileURLToPath(new URL('./testing/rabbitmq-child.ts', import.meta.url));

testSink({
  name: 'rabbitmq',
  skip: await skipReason('privateRabbitmq'),
  effects: 'at-least-once',
  open: openHarness,
});
