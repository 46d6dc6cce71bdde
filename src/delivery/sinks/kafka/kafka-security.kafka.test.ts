import assert from 'node:assert/strict';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { type PrivateKafka, skipReason, startPrivateKafka } from '../../../../scripts/services/testing.ts';
import { testCertificate, testCertificateKey } from '../../../capture/testing/test-certificate.ts';
import { systemClock } from '../../../foundation/clock.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import type { KafkaSasl, KafkaSinkOptions } from './kafka-options.ts';
import { event, idsOf } from './testing/deliver-batches.ts';
import { elsewhereCertificate, elsewhereCertificateKey } from './testing/elsewhere-certificate.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { sampleBatch } from './testing/sample-records.ts';
import { TestTopics, uniqueName } from './testing/test-topics.ts';

const signal = new AbortController().signal;
const username = 'writer';
const password = 'planted-right';
const wrongPassword = 'planted-wrong';

/** A token without signature: https://www.rfc-editor.org/rfc/rfc7515#appendix-A.5 */
function unsignedToken(lifetimeSeconds: number): string {
  const now = Math.floor(systemClock.now() / 1000);
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'none' })}.${encode({ sub: username, iat: now - 3_600, exp: now + lifetimeSeconds })}.`;
}

describe('the way to the broker', { skip: await skipReason('privateKafka') }, () => {
  let kafka: PrivateKafka;
  const serverCertificate = { certificate: testCertificate, key: testCertificateKey };
  before(async () => {
    kafka = await startPrivateKafka({
      sasl: { username, password },
      tls: [
        serverCertificate,
        { ...serverCertificate, clientAuthority: testCertificate },
        { certificate: elsewhereCertificate, key: elsewhereCertificateKey },
      ],
    });
  });
  after(() => kafka[Symbol.asyncDispose]());

  async function delivers(options: KafkaSinkOptions): Promise<void> {
    await using topics = await TestTopics.open(kafka.brokers);
    const topic = await topics.create('secured', 1);
    await using sink = await openTestSink({ ...options, topic }, uniqueName('lane'));
    await sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1']);
  }

  /** With this code, without trying again, and without a secret in anything that is shown. */
  async function refuses(options: KafkaSinkOptions, code: ErrorCode): Promise<void> {
    await assert.rejects(openTestSink(options, uniqueName('lane')), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError);
      assert.equal(error.code, code, String(error));
      assert.equal(error.policy, 'stop');
      const shown = `${error.message} ${error.hint} ${JSON.stringify(error.details)} ${error.stack}`;
      assert.ok(!shown.includes('planted-'), shown);
      return true;
    });
  }

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`${mechanism} lets the right password in and stops the lane for another one`, async () => {
      const brokers = kafka.saslBrokers;
      await delivers({ brokers, sasl: { mechanism, username, password } });
      await delivers({ brokers, sasl: { mechanism, username: () => username, password: async () => password } });
      await refuses({ brokers, sasl: { mechanism, username, password: wrongPassword } }, 'HW-KAFKA-004');
      await refuses({ brokers, sasl: { mechanism, username: 'stranger', password } }, 'HW-KAFKA-004');
    });
  }

  test('OAUTHBEARER lets a token in and stops the lane for one that is over', async () => {
    const withToken = (token: KafkaSasl & { mechanism: 'OAUTHBEARER' }): KafkaSinkOptions => ({
      brokers: kafka.saslBrokers,
      sasl: token,
    });
    await delivers(withToken({ mechanism: 'OAUTHBEARER', token: () => unsignedToken(600) }));
    await refuses(withToken({ mechanism: 'OAUTHBEARER', token: unsignedToken(-600) }), 'HW-KAFKA-004');
  });

  test('a listener that asks for a login is not written to without one', async () => {
    await assert.rejects(openTestSink({ brokers: kafka.saslBrokers }, uniqueName('lane')), HeadwaterError);
  });

  const listener = (index: number, tls: TlsOptions): KafkaSinkOptions => ({
    brokers: kafka.tlsBrokers[index] ?? '',
    tls,
  });

  test('TLS delivers to a broker whose certificate the given authority signed', async () => {
    await delivers(listener(0, { ca: testCertificate }));
  });

  test('TLS stops the lane when nobody known signed the certificate of the broker', async () => {
    await refuses(listener(0, {}), 'HW-KAFKA-018');
    await refuses(listener(0, { ca: elsewhereCertificate }), 'HW-KAFKA-018');
  });

  test('TLS stops the lane when the certificate is for another host, unless that name is asked for', async () => {
    await refuses(listener(2, { ca: elsewhereCertificate }), 'HW-KAFKA-018');
    await delivers({ ...listener(2, { ca: elsewhereCertificate }), tlsServerName: 'elsewhere.example' });
    await refuses({ ...listener(0, { ca: testCertificate }), tlsServerName: 'elsewhere.example' }, 'HW-KAFKA-018');
  });

  test('a broker that asks for a certificate of the client gets it, and refuses none and another one', async () => {
    await delivers(listener(1, { ca: testCertificate, cert: testCertificate, key: testCertificateKey }));
    await refuses(listener(1, { ca: testCertificate }), 'HW-KAFKA-018');
    const other = { cert: elsewhereCertificate, key: elsewhereCertificateKey };
    await refuses(listener(1, { ca: testCertificate, ...other }), 'HW-KAFKA-018');
  });

  test('a broker that goes down and comes back is waited for, at whatever moment of TLS or the login it goes', async () => {
    const withCertificate = listener(1, { ca: testCertificate, cert: testCertificate, key: testCertificateKey });
    const withLogin = { brokers: kafka.saslBrokers, sasl: { mechanism: 'SCRAM-SHA-512', username, password } } as const;
    const back = new AbortController();
    let failureCount = 0;
    const openUntilBack = async (options: KafkaSinkOptions): Promise<void> => {
      const lane = uniqueName('lane');
      // Its own: what a lane leaves open there when it never comes back, others would wait for.
      const own = { ...options, positionTopic: uniqueName('positions'), requestTimeoutMs: 1_000 };
      while (!back.signal.aborted) {
        try {
          await using sink = await openTestSink(own, lane);
          assert.ok(sink);
        } catch (error) {
          failureCount += 1;
          assert.ok(error instanceof HeadwaterError);
          assert.equal(error.policy, 'retry', String(error));
        }
      }
    };
    const restart = async (): Promise<void> => {
      await kafka.restart();
      await kafka.kill();
      await kafka.restart();
      back.abort();
    };
    await Promise.all([restart(), openUntilBack(withCertificate), openUntilBack(withLogin)]);
    assert.ok(failureCount > 0);
    await delivers(withCertificate);
    await delivers(withLogin);
  });
});
