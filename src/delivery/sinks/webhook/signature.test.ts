import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { signMessage } from './signature.ts';
import { type ReceivedHeaders, verifyWebhook } from './verify-webhook.ts';
import { parseSigningSecret } from './webhook-secret.ts';

/*
 * The vectors of the reference libraries of Standard Webhooks 1.0.0:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/webhook.test.ts and
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/go/webhook_asymmetric_test.go
 */
const symmetric = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const asymmetric = 'whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=';
const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, text: '{"test": 2432232314}' };
const symmetricSignature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const asymmetricSignature =
  'v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==';
const another = `whsec_${Buffer.alloc(64, 9).toString('base64')}`;

function sign(secrets: readonly string[], { id, timestamp, text } = message): string {
  return signMessage({ id, timestamp, body: Buffer.from(text) }, secrets.map(parseSigningSecret));
}

function headers(signature: string, changes: Readonly<Record<string, string | undefined>> = {}): ReceivedHeaders {
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signature,
    ...changes,
  };
}

const soon = { nowMs: (message.timestamp + 10) * 1000 };

describe('a signature of Standard Webhooks', () => {
  test('is that of the reference vectors, for HMAC-SHA256 and for ed25519', () => {
    assert.equal(sign([symmetric]), symmetricSignature);
    assert.equal(sign([asymmetric]), asymmetricSignature);
  });

  test('is made with every secret, so that a receiver may change from one to the other at any time', () => {
    assert.equal(sign([symmetric, asymmetric]), `${symmetricSignature} ${asymmetricSignature}`);
    for (const known of [symmetric, another]) {
      const signature = sign([symmetric, another]);
      assert.equal(verifyWebhook(headers(signature), message.text, known, soon).id, message.id);
      // The other side may also be ahead: it knows both while only one signs.
      assert.equal(verifyWebhook(headers(sign([known])), message.text, [another, symmetric], soon).id, message.id);
    }
  });

  test('is what the reference library makes and accepts, for any id, body and secret', () => {
    const timestamp = Math.floor(Date.now() / 1000);
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
        fc.json(),
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        (id, text, key) => {
          const secret = `whsec_${Buffer.from(key).toString('base64')}`;
          const ours = sign([secret], { id, timestamp, text });
          const reference = new Webhook(secret);
          assert.equal(ours, reference.sign(id, new Date(timestamp * 1000), text));
          const received = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': ours };
          assert.doesNotThrow(() => reference.verify(text, received));
          assert.equal(verifyWebhook(received, text, secret).id, id);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('is checked with the public key alone where it is made with a private one', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32).toString('base64');
    const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
    const signature = sign([`whsk_${seed}`]);
    assert.equal(verifyWebhook(headers(signature), message.text, `whpk_${point}`, soon).id, message.id);
    assert.throws(() => verifyWebhook(headers(signature), `${message.text} `, `whpk_${point}`, soon), {
      code: 'HW-WEBHOOK-022',
    });
    assert.throws(() => parseSigningSecret(`whpk_${point}`), { code: 'HW-WEBHOOK-001' });
  });
});

describe('verifyWebhook', () => {
  const late = { nowMs: (message.timestamp + 301) * 1000 };
  const early = { nowMs: (message.timestamp - 301) * 1000 };
  const [, bare = ''] = symmetricSignature.split(',');
  const refused: readonly (readonly [what: string, code: ErrorCode, check: () => unknown])[] = [
    ['a body changed by one byte', 'HW-WEBHOOK-022', () => verify(symmetricSignature, '{"test": 2432232315}')],
    ['another id', 'HW-WEBHOOK-022', () => verify(symmetricSignature, undefined, { 'webhook-id': 'msg_other' })],
    [
      'an id with a dot, which could move bytes between id and timestamp',
      'HW-WEBHOOK-020',
      () => verify(symmetricSignature, undefined, { 'webhook-id': 'msg_p5.1614265330' }),
    ],
    [
      'another timestamp',
      'HW-WEBHOOK-022',
      () => verify(symmetricSignature, undefined, { 'webhook-timestamp': String(message.timestamp + 1) }),
    ],
    ['an old request', 'HW-WEBHOOK-021', () => verify(symmetricSignature, undefined, {}, late)],
    ['a request from the future', 'HW-WEBHOOK-021', () => verify(symmetricSignature, undefined, {}, early)],
    ['an empty signature', 'HW-WEBHOOK-020', () => verify('')],
    ['a signature without its value', 'HW-WEBHOOK-022', () => verify('v1,')],
    ['a signature without its version', 'HW-WEBHOOK-022', () => verify(bare)],
    ['a part of a signature', 'HW-WEBHOOK-022', () => verify(symmetricSignature.slice(0, 8))],
    ['a version that is not known', 'HW-WEBHOOK-022', () => verify(`v2,${bare}`)],
    ['v1a in the name of v1', 'HW-WEBHOOK-022', () => verify(`v1a,${bare}`)],
    ['v1 in the name of v1a', 'HW-WEBHOOK-022', () => verify(symmetricSignature.replace('v1', 'v1a'), undefined)],
    ['a secret of somebody else', 'HW-WEBHOOK-022', () => verify(sign([another]))],
    ['no id', 'HW-WEBHOOK-020', () => verify(symmetricSignature, undefined, { 'webhook-id': undefined })],
    ['no timestamp', 'HW-WEBHOOK-020', () => verify(symmetricSignature, undefined, { 'webhook-timestamp': undefined })],
    ['no signature', 'HW-WEBHOOK-020', () => verify(symmetricSignature, undefined, { 'webhook-signature': undefined })],
    [
      'a timestamp in words',
      'HW-WEBHOOK-020',
      () => verify(symmetricSignature, undefined, { 'webhook-timestamp': 'hello' }),
    ],
    [
      'a timestamp that is a number and more',
      'HW-WEBHOOK-020',
      () => verify(symmetricSignature, undefined, { 'webhook-timestamp': `${message.timestamp}.0` }),
    ],
    [
      'an id that comes twice',
      'HW-WEBHOOK-020',
      () => verify(symmetricSignature, undefined, { 'Webhook-Id': message.id }),
    ],
    ['no secret at all', 'HW-WEBHOOK-001', () => verifyWebhook(headers(symmetricSignature), message.text, [], soon)],
  ];
  for (const [what, code, check] of refused) {
    test(`refuses ${what}`, () => {
      assert.throws(check, { code });
    });
  }

  test('accepts the vector, among other signatures and from every kind of headers', () => {
    const many = `v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,${bare} ${symmetricSignature}`;
    assert.deepEqual(verify(many), { id: message.id, sentAt: new Date(message.timestamp * 1000) });
    const fetched = new Headers(headers(symmetricSignature) as Record<string, string>);
    assert.equal(verifyWebhook(fetched, Buffer.from(message.text), symmetric, soon).id, message.id);
    const upper = {
      'Webhook-Id': message.id,
      'Webhook-Timestamp': String(message.timestamp),
      'Webhook-Signature': asymmetricSignature,
    };
    assert.equal(verifyWebhook(upper, message.text, asymmetric, soon).id, message.id);
  });

  function verify(
    signature: string,
    text: string = message.text,
    changes: Readonly<Record<string, string | undefined>> = {},
    time: { readonly nowMs: number } = soon,
  ): unknown {
    return verifyWebhook(headers(signature, changes), text, symmetric, time);
  }
});

describe('a secret', () => {
  const refused = {
    'without a prefix': 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'of another kind': 'sk_live_abc',
    'that is too short': `whsec_${Buffer.alloc(23, 1).toString('base64')}`,
    'that is too long': `whsec_${Buffer.alloc(65, 1).toString('base64')}`,
    'with a typing error': 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!',
    'that is empty': 'whsec_',
    'for ed25519 of another length': `whsk_${Buffer.alloc(64, 1).toString('base64')}`,
  };
  for (const [what, secret] of Object.entries(refused)) {
    test(`${what} is refused, and not repeated in the message`, () => {
      assert.throws(
        () => parseSigningSecret(secret),
        (thrown: unknown) => {
          assert.ok(thrown instanceof Error && 'code' in thrown && thrown.code === 'HW-WEBHOOK-001');
          const shown = JSON.stringify(thrown) + thrown.message;
          assert.ok(secret.length < 10 || !shown.includes(secret.slice(8, 20)), shown);
          return true;
        },
      );
    });
  }
});
