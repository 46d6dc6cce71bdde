import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import { nameScratchDirectory } from '../../../../scripts/services/scratch.ts';
import { skipReason, startPrivateNats } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { testCertificate, testCertificateKey } from '../../../capture/testing/test-certificate.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { FaultProxy } from '../../../testing/fault-proxy.ts';
import { findLoopbackPort } from '../../../postgres/loopback-port.ts';
import { sampleBatch } from '../kafka/testing/sample-records.ts';
import type { NatsSinkOptions } from './nats-options.ts';
import { createOperator } from './testing/create-operator.ts';
import { numberedEvents, openNatsSink, withCode } from './testing/open-nats-sink.ts';

const signal = new AbortController().signal;
const lane = 'lane';
const place = { stream: 'RECORDS', createStream: true } as const;

/** Writes a batch, to show that the way is open. */
async function deliver(options: NatsSinkOptions): Promise<void> {
  await using sink = await openNatsSink(options, lane);
  const from = (await sink.readCheckpoint(signal))?.sequence ?? 0n;
  const first = Number(from) + 1;
  await sink.write(sampleBatch(numberedEvents(first, first), { from: first - 1, to: first }), signal);
}

async function refuses(options: NatsSinkOptions, code: ErrorCode): Promise<void> {
  await assert.rejects(openNatsSink(options, lane), withCode(code));
}

describe('a connection to NATS', { skip: await skipReason('privateNats') }, () => {
  test('is made with a password or a token, given or asked for at each connection', async () => {
    await using named = await startPrivateNats({ settings: 'authorization { user: writer, password: right }' });
    const password = { kind: 'password', user: 'writer', password: () => Promise.resolve('right') } as const;
    await deliver({ ...place, servers: named.address, auth: password });
    await refuses({ ...place, servers: named.address, auth: { ...password, password: 'wrong' } }, 'HW-NATS-004');
    await refuses({ ...place, servers: named.address }, 'HW-NATS-004');
    await using other = await startPrivateNats({ settings: 'authorization { token: "a secret" }' });
    await deliver({ ...place, servers: other.address, auth: { kind: 'token', token: () => 'a secret' } });
    await refuses({ ...place, servers: other.address, auth: { kind: 'token', token: 'another' } }, 'HW-NATS-004');
  });

  test('is made with an nkey, whose seed is never sent', async () => {
    const pair = nkeys.createUser();
    const settings = `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`;
    await using nats = await startPrivateNats({ settings });
    const seed = new TextDecoder().decode(pair.getSeed());
    await deliver({ ...place, servers: nats.address, auth: { kind: 'nkey', seed: `${seed}\n` } });
    const stranger = new TextDecoder().decode(nkeys.createUser().getSeed());
    await refuses({ ...place, servers: nats.address, auth: { kind: 'nkey', seed: stranger } }, 'HW-NATS-004');
    await refuses({ ...place, servers: nats.address, auth: { kind: 'nkey', seed: 'no seed' } }, 'HW-NATS-004');
    const credentials = { kind: 'credentials', credentials: 'no credentials' } as const;
    await refuses({ ...place, servers: nats.address, auth: credentials }, 'HW-NATS-004');
  });

  test('is made with the credentials of a user in an account of an operator', async () => {
    const { credentials, settings } = createOperator();
    await using nats = await startPrivateNats({ settings });
    await deliver({ ...place, servers: nats.address, auth: { kind: 'credentials', credentials: () => credentials } });
    const stranger = createOperator().credentials;
    const auth = { kind: 'credentials', credentials: stranger } as const;
    await refuses({ ...place, servers: nats.address, auth }, 'HW-NATS-004');
  });

  test('leaves nothing behind that would keep a process alive when the server was too slow', async () => {
    await using nats = await startPrivateNats();
    const [host = '', port] = nats.address.split(':');
    await using proxy = await FaultProxy.start({ host, port: Number(port) });
    const servers = `127.0.0.1:${proxy.port}`;
    await deliver({ ...place, servers });
    proxy.hold();
    await refuses({ ...place, servers, connectTimeoutMs: 200 }, 'HW-NATS-003');
    const cancel = new AbortController();
    const opening = openNatsSink({ ...place, servers, connectTimeoutMs: 60_000 }, lane, { signal: cancel.signal });
    opening.catch(() => undefined);
    await waitUntil('the second connection', () => proxy.connectionCount === 3);
    cancel.abort(new Error('enough'));
    await assert.rejects(opening, /enough/);
    proxy.release();
    await waitUntil('no connection any more', () => proxy.openCount === 0);
    await deliver({ ...place, servers });
  });

  test('checks the certificate of the server, and never goes on without', async () => {
    const directory = await nameScratchDirectory('certificate');
    await mkdir(directory);
    try {
      const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
      await writeFile(cert, testCertificate);
      await writeFile(key, testCertificateKey);
      await using nats = await startPrivateNats({ settings: `tls { cert_file: "${cert}", key_file: "${key}" }` });
      await deliver({ ...place, servers: nats.address, tls: { ca: testCertificate } });
      await refuses({ ...place, servers: nats.address, tls: {} }, 'HW-NATS-018');
      await refuses({ ...place, servers: nats.address }, 'HW-NATS-018');
      await using plain = await startPrivateNats();
      await refuses({ ...place, servers: plain.address, tls: { ca: testCertificate } }, 'HW-NATS-018');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('of a user with few rights does all that the how-to page lists, and names a right that is missing', async () => {
    const publish = [
      '$JS.API.STREAM.INFO.RECORDS',
      '$JS.API.STREAM.MSG.GET.RECORDS',
      '$JS.API.STREAM.INFO.headwater-position',
      '$JS.API.STREAM.MSG.GET.headwater-position',
      'headwater-position.test.lane',
    ];
    const user = (name: string, allowed: readonly string[]) =>
      `{ user: ${name}, password: p, permissions: { publish: [ ${allowed.map((subject) => `"${subject}"`).join(', ')} ], subscribe: ["_HW.>"] } }`;
    const users = [user('writer', [...publish, 'RECORDS.>']), user('reader', publish), '{ user: admin, password: p }'];
    await using nats = await startPrivateNats({ settings: `authorization { users: [ ${users.join(', ')} ] }` });
    const as = (name: string): NatsSinkOptions => ({
      servers: nats.address,
      stream: 'RECORDS',
      inboxPrefix: '_HW',
      requestTimeoutMs: 2_000,
      auth: { kind: 'password', user: name, password: 'p' },
    });
    await deliver({ ...as('admin'), ...place, inboxPrefix: '_INBOX' });
    await deliver(as('writer'));
    await assert.rejects(deliver(as('reader')), withCode('HW-NATS-005'));
    await refuses({ ...as('reader'), stream: 'OTHER' }, 'HW-NATS-005');
  });

  test('of an account without JetStream is named, and tried again', async () => {
    const account = 'accounts { plain { users: [ { user: writer, password: p } ] } }';
    await using nats = await startPrivateNats({ settings: account });
    const auth = { kind: 'password', user: 'writer', password: 'p' } as const;
    await refuses({ ...place, servers: nats.address, auth }, 'HW-NATS-017');
  });

  test('to no server at all is tried again', async () => {
    await refuses({ ...place, servers: `127.0.0.1:${await findLoopbackPort()}` }, 'HW-NATS-003');
  });
});
