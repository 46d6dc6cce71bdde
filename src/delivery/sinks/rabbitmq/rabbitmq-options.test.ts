import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { resolveRabbitmqOptions, type RabbitmqSinkOptions } from './rabbitmq-options.ts';

const least: RabbitmqSinkOptions = { servers: 'rabbit', exchange: 'x', queues: 'q' };

test('the options have the defaults that their descriptions name', () => {
  assert.deepEqual(resolveRabbitmqOptions(least), {
    servers: [{ host: 'rabbit', port: 5672 }],
    exchange: 'x',
    queues: ['q'],
    queueCheck: 'replicated',
    vhost: '/',
    clientName: 'headwater',
    auth: { kind: 'password', user: 'guest', password: 'guest' },
    recordBytesMax: 16_777_216,
    confirmTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
    heartbeatMs: 15_000,
  });
  const { servers } = resolveRabbitmqOptions({ ...least, tls: {}, servers: 'a, b:1,[::1]:2' });
  assert.deepEqual(servers, [
    { host: 'a', port: 5671 },
    { host: 'b', port: 1 },
    { host: '::1', port: 2 },
  ]);
});

const wrong: readonly (readonly [option: string, fields: Partial<RabbitmqSinkOptions>])[] = [
  ['servers', { servers: [] }],
  ['servers', { servers: 'amqp://user:secret@rabbit' }],
  ['servers', { servers: 'rabbit:70000' }],
  ['exchange', { exchange: 'x'.repeat(256) }],
  ['queues', { queues: [] }],
  ['queues', { queues: ['q', ''] }],
  ['routingKey', { routingKey: 'ä'.repeat(128) }],
  ['vhost', { vhost: '' }],
  ['clientName', { clientName: '' }],
  ['recordBytesMax', { recordBytesMax: 0 }],
  ['confirmTimeoutMs', { confirmTimeoutMs: 1.5 }],
  ['connectTimeoutMs', { connectTimeoutMs: 3_000_000_000 }],
  ['heartbeatMs', { heartbeatMs: 1_500 }],
];

test('each wrong option is refused by its name, without its value', () => {
  for (const [option, fields] of wrong) {
    assert.throws(
      () => resolveRabbitmqOptions({ ...least, ...fields }),
      (error: unknown) => {
        assert.ok(error instanceof HeadwaterError && error.code === 'HW-RABBITMQ-002', option);
        assert.equal(error.details['option'], option);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  }
});
