import { fileURLToPath } from 'node:url';
import { after } from 'node:test';
import { skipReason, startPrivateKafka, type PrivateKafka } from '../../../../scripts/services/testing.ts';
import type { SinkHarness } from '../../../testing/sink-harness.ts';
import { testSink } from '../../../testing/sink-suite.ts';
import { type ByteMatch, FaultProxy } from '../../../testing/fault-proxy.ts';
import { killChild } from '../../../testing/kill-child.ts';
import { kafkaSink } from './kafka-sink.ts';
import { parseSuiteRecord, suiteRecord } from '../../../testing/suite-records.ts';
import { type KafkaChildOptions, proxiedOptions } from './testing/kafka-child.ts';
import { TestTopics, uniqueName } from './testing/test-topics.ts';

/*
 * One broker for the whole file, and no other file's: the suite gives every lane the same name, and a lane has one writer.
 * Each test has topics of its own, the position topic among them.
 */
const login = { username: 'writer', password: 'right' };
const partitionCount = 3;
let started: Promise<PrivateKafka> | undefined;

function broker(): Promise<PrivateKafka> {
  started ??= startPrivateKafka({ sasl: login });
  return started;
}

after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

/** A request of the sink by its number and version, followed by a correlation id and the client's name. */
function isRequest(key: number, version: number): ByteMatch {
  const head = Buffer.from([0, key, 0, version]).toString('latin1');
  const name = 'headwater';
  return (bytes) => {
    const text = bytes.toString('latin1');
    for (let at = text.indexOf(head); at !== -1; at = text.indexOf(head, at + 1)) {
      if (text.slice(at + 10, at + 10 + name.length) === name) return true;
    }
    return false;
  };
}

const isEndTransaction = isRequest(26, 3);
const isAddPartitions = isRequest(24, 3);

async function openHarness(): Promise<SinkHarness> {
  const kafka = await broker();
  const [host = '', port] = (kafka.brokers[0] ?? '').split(':');
  const proxy = await FaultProxy.start({ host, port: Number(port) });
  const options: KafkaChildOptions = {
    proxyPort: proxy.port,
    topic: uniqueName('records'),
    positionTopic: uniqueName('positions'),
  };
  await withTopics(kafka, (topics) => topics.createNamed(options.topic, partitionCount));
  const missingTopic = uniqueName('missing');
  let readTopic = options.topic;
  let kills = 0;
  return {
    sink: kafkaSink(proxiedOptions(options)),
    proxy,
    record: suiteRecord,
    stored: () =>
      withTopics(kafka, async (topics) => {
        const consumed = await topics.readCommitted(readTopic, partitionCount);
        return consumed.map(({ value }) => parseSuiteRecord(value));
      }),
    loseReply: () => proxy.loseReply({ request: isEndTransaction }),
    cutBeforeEffect: () => proxy.cutBefore(isEndTransaction),
    async deliverUntilKilled() {
      kills += 1;
      // Once in front of a commit, once behind one; the first transaction of a process only takes the lane over.
      const request = kills % 2 === 1 ? isEndTransaction : isAddPartitions;
      await killChild(childPath, JSON.stringify(options), () => proxy.holdBefore(request, 2 + kills));
      proxy.cut();
      proxy.release();
    },
    restartServer: () => kafka.restart(),
    withWrongLogin: {
      sink: kafkaSink({
        brokers: kafka.saslBrokers,
        positionTopic: options.positionTopic,
        sasl: { mechanism: 'PLAIN', ...login, password: 'wrong' },
      }),
      code: 'HW-KAFKA-004',
    },
    withMissingPlace: {
      sink: kafkaSink(proxiedOptions({ ...options, topic: missingTopic })),
      code: 'HW-KAFKA-006',
      async create() {
        readTopic = missingTopic;
        await withTopics(kafka, (topics) => topics.createNamed(missingTopic, partitionCount));
      },
    },
    oversized: { size: 1_100_000, code: 'HW-KAFKA-008' },
    async [Symbol.asyncDispose]() {
      proxy.release();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const childPath = fileURLToPath(new URL('./testing/kafka-child.ts', import.meta.url));

async function withTopics<Result>(kafka: PrivateKafka, use: (topics: TestTopics) => Promise<Result>): Promise<Result> {
  await using topics = await TestTopics.open(kafka.brokers);
  return await use(topics);
}

testSink({ name: 'kafka', skip: await skipReason('privateKafka'), effects: 'once', open: openHarness });
