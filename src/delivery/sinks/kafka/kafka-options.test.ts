import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { type KafkaSinkOptions, resolveKafkaOptions } from './kafka-options.ts';
import { kafkaSink } from './kafka-sink.ts';

test('options are filled in with the documented defaults', () => {
  const { brokerAddress, ...resolved } = resolveKafkaOptions({ brokers: 'one:9094, two' });
  assert.deepEqual(resolved, {
    brokers: [
      { host: 'one', port: 9094 },
      { host: 'two', port: 9092 },
    ],
    clientId: 'headwater',
    topic: undefined,
    headers: undefined,
    tombstones: false,
    positionTopic: 'headwater-position',
    compression: 'none',
    tls: undefined,
    tlsServerName: undefined,
    sasl: undefined,
    recordBytesMax: Infinity,
    requestTimeoutMs: 15_000,
    connectTimeoutMs: 5_000,
    transactionTimeoutMs: 30_000,
    acceptPartitionCounts: {},
  });
  assert.deepEqual(brokerAddress({ host: 'a', port: 1 }), { host: 'a', port: 1 });
});

test('an address of IPv6 is understood', () => {
  assert.deepEqual(resolveKafkaOptions({ brokers: ['[::1]:9093'] }).brokers, [{ host: '::1', port: 9093 }]);
});

const invalid: readonly (readonly [string, KafkaSinkOptions])[] = [
  ['brokers', { brokers: [] }],
  ['brokers', { brokers: 'host:port' }],
  ['brokers', { brokers: 'host:70000' }],
  ['topic', { brokers: 'a', topic: 'no topic' }],
  ['topic.changes', { brokers: 'a', topic: { changes: '{type}' } }],
  ['topic.changes', { brokers: 'a', topic: { changes: 'all changes' } }],
  ['topic.events', { brokers: 'a', topic: { events: 'shop.{tpye}' } }],
  ['topic.events', { brokers: 'a', topic: { events: '{type' } }],
  ['positionTopic', { brokers: 'a', positionTopic: '..' }],
  ['clientId', { brokers: 'a', clientId: 'two words' }],
  ['compression', { brokers: 'a', compression: 'brotli' as 'gzip' }],
  ['recordBytesMax', { brokers: 'a', recordBytesMax: 0 }],
  ['transactionTimeoutMs', { brokers: 'a', requestTimeoutMs: 5_000, transactionTimeoutMs: 5_000 }],
  ['acceptPartitionCounts.t', { brokers: 'a', acceptPartitionCounts: { t: 1.5 } }],
];

for (const [option, options] of invalid) {
  test(`an invalid "${option}" is refused by name before anything is opened: ${JSON.stringify(options)}`, () => {
    assert.throws(
      () => kafkaSink(options),
      (error: unknown) =>
        error instanceof HeadwaterError && error.code === 'HW-KAFKA-002' && error.details['option'] === option,
    );
  });
}

test('the target names brokers and topic and no secret', () => {
  const sasl = { mechanism: 'PLAIN', username: 'planted-user', password: 'planted-secret' } as const;
  const { target } = kafkaSink({ brokers: 'one:9094', topic: 'orders', sasl });
  assert.equal(target, 'one:9094 topic orders');
});
