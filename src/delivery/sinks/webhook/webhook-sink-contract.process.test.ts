import { fileURLToPath } from 'node:url';
import type { SinkHarness } from '../../../testing/sink-harness.ts';
import { testSink } from '../../../testing/sink-suite.ts';
import { FaultProxy, holdsText } from '../../../testing/fault-proxy.ts';
import { killChild } from '../../../testing/kill-child.ts';
import { loopbackSink, parseSuiteId, suiteBodyBytesMax, suiteRecord } from './testing/webhook-child.ts';
import { WebhookReceiver } from './testing/webhook-receiver.ts';

const childPath = fileURLToPath(new URL('./testing/webhook-child.ts', import.meta.url));
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const isRequest = holdsText('POST /hooks');

/** The receiver is a process with a store of its own, and checks every request with the reference library. */
async function openHarness(table: 'arrival' | 'effect'): Promise<SinkHarness> {
  const receiver = await WebhookReceiver.start(secret, ['/hooks']);
  const proxy = await FaultProxy.start({ host: '127.0.0.1', port: receiver.port });
  const options = { port: proxy.port, path: '/hooks', secret };
  let kills = 0;
  return {
    sink: loopbackSink(options),
    proxy,
    record: suiteRecord,
    stored: () => Promise.resolve(receiver.ids(table).map(parseSuiteId)),
    loseReply: () => proxy.loseReply({ request: isRequest }),
    cutBeforeEffect: () => proxy.cutBefore(isRequest),
    async deliverUntilKilled() {
      kills += 1;
      await killChild(childPath, JSON.stringify(options), () => proxy.holdBefore(isRequest, 20 * kills));
      proxy.cut();
      proxy.release();
    },
    restartServer: () => receiver.restart(),
    withMissingPlace: {
      sink: loopbackSink({ ...options, path: '/missing' }),
      code: 'HW-WEBHOOK-006',
      create: () => Promise.resolve(receiver.addPlace('/missing')),
    },
    oversized: { size: suiteBodyBytesMax, code: 'HW-SINK-005' },
    async [Symbol.asyncDispose]() {
      proxy.release();
      await proxy[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

// A login that is wrong shows with the first record, not at start: `webhook-sink.test.ts` has it.
const tests = [
  'order',
  'stop',
  'held-path',
  'cut-path',
  'lost-reply',
  'kill',
  'restart',
  'oversized',
  'missing-place',
] as const;

testSink({
  name: 'webhook, by what arrives',
  skip: false,
  effects: 'at-least-once',
  tests,
  open: () => openHarness('arrival'),
});

testSink({
  name: 'webhook, by what a receiver does that notes webhook-id with its effect',
  skip: false,
  effects: 'once',
  tests,
  open: () => openHarness('effect'),
});
