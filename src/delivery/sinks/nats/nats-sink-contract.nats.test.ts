import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type PrivateNats, skipReason, startPrivateNats } from '../../../../scripts/services/testing.ts';
import type { SinkHarness } from '../../../testing/sink-harness.ts';
import { testSink } from '../../../testing/sink-suite.ts';
import { FaultProxy, holdsText } from '../../../testing/fault-proxy.ts';
import { killChild } from '../../../testing/kill-child.ts';
import { parseSuiteRecord, suiteRecord } from '../../../testing/suite-records.ts';
import { natsSink } from './nats-sink.ts';
import { type NatsChildOptions, proxiedOptions } from './testing/nats-child.ts';
import { TestStreams, uniqueName } from './testing/test-streams.ts';

/*
 * One server for the whole file. Each test has streams of its own, that of the positions among them. Who says no name is `anyone`,
 * so that a wrong password can be told from none.
 */
const settings = `authorization { users: [ { user: anyone }, { user: writer, password: right } ] }
no_auth_user: anyone`;
let started: Promise<PrivateNats> | undefined;

function server(): Promise<PrivateNats> {
  started ??= startPrivateNats({ settings });
  return started;
}

after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

async function openHarness(): Promise<SinkHarness> {
  const nats = await server();
  const [host = '', port] = nats.address.split(':');
  const proxy = await FaultProxy.start({ host, port: Number(port) });
  const options: NatsChildOptions = {
    proxyPort: proxy.port,
    stream: uniqueName('records'),
    positionStream: uniqueName('positions'),
  };
  await withStreams(nats, (streams) => streams.create(options.stream));
  const isRecord = holdsText(`HPUB ${options.stream}.`);
  const isPosition = holdsText(`HPUB ${options.positionStream}.`);
  const missing = uniqueName('missing');
  let readStream = options.stream;
  let kills = 0;
  return {
    sink: natsSink(proxiedOptions(options)),
    proxy,
    record: suiteRecord,
    stored: () =>
      withStreams(nats, async (streams) => {
        const messages = await streams.read(readStream);
        return messages.map(({ text }) => parseSuiteRecord(text));
      }),
    loseReply: () => proxy.loseReply({ request: isRecord }),
    cutBeforeEffect: () => proxy.cutBefore(isRecord),
    async deliverUntilKilled() {
      kills += 1;
      // Once in front of a batch, once behind one and in front of its position; the first position is that of the take-over.
      const request = kills % 2 === 1 ? isRecord : isPosition;
      await killChild(childPath, JSON.stringify(options), () => proxy.holdBefore(request, 1 + kills));
      proxy.cut();
      proxy.release();
    },
    restartServer: () => nats.restart(),
    withWrongLogin: {
      sink: natsSink({
        ...proxiedOptions(options),
        auth: { kind: 'password', user: 'writer', password: 'wrong' },
      }),
      code: 'HW-NATS-004',
    },
    withMissingPlace: {
      sink: natsSink(proxiedOptions({ ...options, stream: missing })),
      code: 'HW-NATS-006',
      async create() {
        readStream = missing;
        await withStreams(nats, (streams) => streams.create(missing));
      },
    },
    oversized: { size: 1_100_000, code: 'HW-NATS-008' },
    async [Symbol.asyncDispose]() {
      proxy.release();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const childPath = fileURLToPath(new URL('./testing/nats-child.ts', import.meta.url));

async function withStreams<Result>(nats: PrivateNats, use: (streams: TestStreams) => Promise<Result>): Promise<Result> {
  await using streams = await TestStreams.open(nats.address);
  return await use(streams);
}

testSink({ name: 'nats', skip: await skipReason('privateNats'), effects: 'once', open: openHarness });
