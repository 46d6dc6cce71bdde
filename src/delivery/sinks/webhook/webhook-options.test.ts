import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../foundation/testing/fake-clock.ts';
import { SecretReader } from './secret-reader.ts';
import { resolveWebhookOptions, type WebhookSinkOptions } from './webhook-options.ts';
import { webhookSink } from './webhook-sink.ts';

const secret = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const valid: WebhookSinkOptions = { url: 'https://hooks.example.com/a', secrets: secret(1) };

/** Configuration files are not type-checked when they run: what the compiler would refuse arrives all the same. */
const resolve = resolveWebhookOptions as (options: object) => unknown;

describe('the options of the webhook sink', () => {
  const refused: Readonly<Record<string, object>> = {
    'no url': { ...valid, url: undefined },
    'no secret': { ...valid, secrets: undefined },
    'an empty list of secrets': { ...valid, secrets: [] },
    'nine secrets': { ...valid, secrets: Array.from({ length: 9 }, (_, index) => secret(index)) },
    'a secret that is a number': { ...valid, secrets: [1] },
    'a public key to sign with': { ...valid, secrets: `whpk_${Buffer.alloc(32, 1).toString('base64')}` },
    'a header that the sink sets': { ...valid, headers: { 'Webhook-Id': 'x' } },
    'a header that moves the request': { ...valid, headers: { Host: 'internal' } },
    'a header with a second line': { ...valid, headers: { authorization: 'Bearer a\r\nx: y' } },
    'a header name with a blank': { ...valid, headers: { 'a b': 'c' } },
    'a header without a value': { ...valid, headers: { authorization: undefined } },
    'a time limit of 0': { ...valid, timeoutMs: 0 },
    'a limit in words': { ...valid, bodyBytesMax: '1 MiB' },
    'a limit beyond every timer': { ...valid, retryAfterMaxMs: 2 ** 31 },
    'TLS without the check': { ...valid, tls: { rejectUnauthorized: false } },
    'a permission that is no block': { ...valid, allowPrivateAddresses: ['localhost'] },
    'plain HTTP that nobody permitted': { ...valid, url: 'http://hooks.example.com/a' },
  };
  for (const [what, options] of Object.entries(refused)) {
    test(`are refused with ${what}`, () => {
      assert.throws(() => resolve(options), { code: 'HW-WEBHOOK-001' });
    });
  }

  test('are complete with an address and a secret; a description opens nothing', () => {
    const { kind, target } = webhookSink(valid);
    assert.deepEqual({ kind, target }, { kind: 'webhook', target: 'https://hooks.example.com/a' });
    const { timeoutMs, bodyBytesMax, retryAfterMaxMs, mayConnect } = resolveWebhookOptions(valid);
    assert.deepEqual(
      { timeoutMs, bodyBytesMax, retryAfterMaxMs },
      { timeoutMs: 15_000, bodyBytesMax: 1_048_576, retryAfterMaxMs: 3_600_000 },
    );
    assert.ok(!mayConnect('127.0.0.1') && !mayConnect('10.0.0.1'));
  });
});

describe('a secret that is a function', () => {
  test('is asked again after a minute, so that it is rotated without a restart', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const reader = new SecretReader([() => Promise.resolve(secret((asked += 1)))], clock);
    const first = await reader.keys();
    clock.advance(59_999);
    assert.equal(await reader.keys(), first);
    clock.advance(1);
    assert.notEqual(await reader.keys(), first);
    assert.equal(asked, 2);
  });

  test('that fails is asked again at once; that returns no secret stops the lane without showing what it returned', async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('the vault is away');
      },
      () => 'hunter2hunter2',
      () => 7,
      () => secret(1),
    ];
    const reader = new SecretReader([() => answers.shift()?.() as string], new FakeClock());
    await assert.rejects(reader.keys(), { code: 'HW-WEBHOOK-013' });
    await assert.rejects(reader.keys(), (error: Error) => !error.message.includes('hunter2'));
    await assert.rejects(reader.keys(), { code: 'HW-WEBHOOK-001' });
    assert.equal((await reader.keys()).length, 1);
  });
});
