import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { LaneStage } from '../../../testing/lane-stage.ts';
import type { Lane } from '../../lane.ts';
import { testEvent } from '../../../testing/memory-journal.ts';
import { testAuthority, testCertificates } from './testing/certificates.ts';
import { DnsServer } from './testing/dns-server.ts';
import { ScriptedEndpoint } from './testing/scripted-endpoint.ts';
import type { WebhookSinkOptions } from './webhook-options.ts';
import { webhookSink } from './webhook-sink.ts';

const secrets = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

/*
 * The whole of 127.0.0.0/8 is this machine. One address of it stands for the public endpoint, by being the only one that is
 * permitted; 127.0.0.1 stays what it is: an address of the internal network, with a service that must not be reached.
 */
const permitted = '127.0.0.2';
const skip = await explainMissingAddress();

/** Linux has the whole block; others have 127.0.0.1 alone unless told otherwise. */
async function explainMissingAddress(): Promise<string | false> {
  const probe = createServer();
  probe.listen(0, permitted);
  const isThere = await once(probe, 'listening').then(
    () => true,
    () => false,
  );
  probe.close();
  if (isThere) return false;
  const reason = `this machine has no address ${permitted}; macOS: ifconfig lo0 alias ${permitted}`;
  if (process.env['CI'] === 'true') throw new Error(`tests may not be left out when CI=true: ${reason}`);
  return reason;
}

async function deliverOne(stage: LaneStage, options: Omit<WebhookSinkOptions, 'secrets'>): Promise<Lane> {
  const lane = stage.lane({ sink: webhookSink({ secrets, timeoutMs: 5000, ...options }) });
  await lane.start();
  stage.journal.append([testEvent('a', 'a-0')]);
  await lane.drain().catch(() => undefined);
  return lane;
}

async function startPair(): Promise<
  { readonly outside: ScriptedEndpoint; readonly inside: ScriptedEndpoint } & AsyncDisposable
> {
  const outside = await ScriptedEndpoint.start({ host: permitted });
  const inside = await ScriptedEndpoint.start({ host: '127.0.0.1', port: outside.port });
  return {
    outside,
    inside,
    async [Symbol.asyncDispose]() {
      await inside[Symbol.asyncDispose]();
      await outside[Symbol.asyncDispose]();
    },
  };
}

describe('a name', () => {
  test(
    'that turns private after it was checked leads nowhere else: the checked address is the one connected',
    { skip },
    async () => {
      await using pair = await startPair();
      await using names = await DnsServer.start([[permitted], ['127.0.0.1']]);
      await using stage = new LaneStage();
      const lane = await deliverOne(stage, {
        url: `http://hooks.test:${pair.outside.port}/`,
        allowHttp: true,
        allowPrivateAddresses: [permitted],
        lookup: names.lookup,
      });
      assert.deepEqual(pair.outside.ids, ['a-0']);
      assert.deepEqual(pair.inside.ids, []);
      assert.equal(names.questionCount, 1);
      // The next connection asks anew, and the answer is another one now.
      pair.outside.cut();
      stage.journal.append([testEvent('a', 'a-1')]);
      await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
      assert.equal(lane.status().lastFailure?.error.code, 'HW-WEBHOOK-002');
      assert.deepEqual(pair.outside.ids, ['a-0']);
      assert.equal(pair.inside.connectionCount, 0);
    },
  );

  const answers: Readonly<Record<string, readonly string[]>> = {
    'that is private': ['10.1.2.3'],
    'of the metadata of a cloud': ['169.254.169.254'],
    'that is this machine': ['127.0.0.1'],
    'that is this machine by no address': ['0.0.0.0'],
    'with one private address among public ones': [permitted, '192.168.0.1'],
  };
  for (const [what, answer] of Object.entries(answers)) {
    test(`${what} stops the lane, and nothing is connected`, { skip }, async () => {
      await using pair = await startPair();
      await using names = await DnsServer.start([answer]);
      await using stage = new LaneStage();
      const lane = await deliverOne(stage, {
        url: `http://hooks.test:${pair.outside.port}/`,
        allowHttp: true,
        allowPrivateAddresses: [permitted],
        lookup: names.lookup,
      });
      assert.equal(lane.status().lastFailure?.error.code, 'HW-WEBHOOK-002');
      assert.equal(pair.inside.connectionCount + pair.outside.connectionCount, 0);
    });
  }

  test('of this machine that the operating system resolves is refused as well', async () => {
    await using endpoint = await ScriptedEndpoint.start();
    await using stage = new LaneStage();
    const url = `http://localhost:${endpoint.port}/`;
    const lane = await deliverOne(stage, { url, allowHttp: true });
    assert.equal(lane.status().lastFailure?.error.code, 'HW-WEBHOOK-002');
    assert.equal(endpoint.connectionCount, 0);
    await using allowed = new LaneStage();
    await deliverOne(allowed, { url, allowHttp: true, allowPrivateAddresses: true });
    assert.deepEqual(endpoint.ids, ['a-0']);
  });

  test('that nobody knows is waited for', async () => {
    await using names = await DnsServer.start([[]]);
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: webhookSink({ url: 'https://hooks.test/', secrets, lookup: names.lookup }) });
    await lane.start();
    stage.journal.append([testEvent('a', 'a-0')]);
    while (lane.status().retryCount < 2) await stage.clock.sleep(1);
    assert.equal(lane.status().lastFailure?.error.code, 'HW-SINK-001');
  });
});

describe('TLS with an endpoint', () => {
  const lookup = (): Promise<readonly string[]> => Promise.resolve(['127.0.0.1']);
  const cases = [
    ['right', testAuthority, undefined],
    ['otherHost', testAuthority, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['expired', testAuthority, 'CERT_HAS_EXPIRED'],
    ['selfSigned', testAuthority, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['right', undefined, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ] as const;
  for (const [shown, ca, reason] of cases) {
    const by = ca === undefined ? 'an authority that nobody trusts' : 'the authority that is trusted';
    test(`that shows the certificate "${shown}" of ${by} is ${reason === undefined ? 'used' : 'refused'}`, async () => {
      await using endpoint = await ScriptedEndpoint.start({ certificate: testCertificates[shown] });
      await using stage = new LaneStage();
      const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      // Somebody switched the check off for the whole process: the sink checks all the same.
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      try {
        const lane = await deliverOne(stage, {
          url: `https://hooks.test:${endpoint.port}/`,
          allowPrivateAddresses: true,
          lookup,
          ...(ca === undefined ? {} : { tls: { ca } }),
        });
        const error = lane.status().lastFailure?.error;
        assert.equal(error?.code, reason === undefined ? undefined : 'HW-WEBHOOK-003');
        assert.equal(error?.details['network'], reason);
        assert.deepEqual(endpoint.ids, reason === undefined ? ['a-0'] : []);
      } finally {
        if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
      }
    });
  }

  test('that speaks none is refused, not spoken to without it', async () => {
    await using endpoint = await ScriptedEndpoint.start();
    await using stage = new LaneStage();
    const url = `https://hooks.test:${endpoint.port}/`;
    const lane = await deliverOne(stage, { url, allowPrivateAddresses: true, lookup });
    assert.equal(lane.status().lastFailure?.error.code, 'HW-WEBHOOK-003');
    assert.deepEqual(endpoint.ids, []);
  });
});
