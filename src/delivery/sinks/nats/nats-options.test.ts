import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { type NatsSinkOptions, resolveNatsOptions } from './nats-options.ts';
import { natsSink } from './nats-sink.ts';

const minimal: NatsSinkOptions = { servers: 'nats-1', stream: 'ORDERS' };

test('every default is filled in', () => {
  const resolved = resolveNatsOptions({ ...minimal, servers: 'nats-1, [::1]:5222', createStream: true });
  assert.deepEqual(resolved, {
    servers: ['nats-1:4222', '[::1]:5222'],
    stream: 'ORDERS',
    subjectPrefix: 'ORDERS',
    positionStream: 'headwater-position',
    clientName: 'headwater',
    createStream: { subjects: ['ORDERS.>'], replicas: 1, maxAgeMs: 0, maxBytes: 0 },
    recordBytesMax: Number.MAX_SAFE_INTEGER,
    inFlightMax: 512,
    requestTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  });
});

const invalid: Readonly<Record<string, Partial<NatsSinkOptions>>> = {
  servers: { servers: [] },
  'servers ': { servers: 'nats://user:secret@host' },
  'servers  ': { servers: 'host:70000' },
  stream: { stream: 'a.b' },
  'stream ': { stream: '' },
  subjectPrefix: { subjectPrefix: 'a.*' },
  subject: { subject: 'a b' },
  positionStream: { positionStream: 'ORDERS' },
  clientName: { clientName: '' },
  inboxPrefix: { inboxPrefix: 'a b' },
  'createStream.subjects': { createStream: { subjects: [] } },
  'createStream.replicas': { createStream: { replicas: 7 } },
  recordBytesMax: { recordBytesMax: 0 },
  inFlightMax: { inFlightMax: 1.5 },
  requestTimeoutMs: { requestTimeoutMs: -1 },
  acceptStreamSequence: { acceptStreamSequence: 0 },
};

test('an invalid option is refused by its name, and a password in an address is not repeated', () => {
  for (const [name, options] of Object.entries(invalid)) {
    assert.throws(
      () => natsSink({ ...minimal, ...options }),
      (error: unknown) => {
        assert.ok(error instanceof HeadwaterError && error.code === 'HW-NATS-002');
        assert.equal(error.details['option'], name.trim());
        assert.ok(!error.message.includes('secret'));
        return true;
      },
      name,
    );
  }
});

test('the target says where, without secrets', () => {
  const auth = { kind: 'password', user: 'u', password: 'secret' } as const;
  assert.equal(natsSink({ ...minimal, auth }).target, 'nats-1:4222 stream ORDERS');
});
