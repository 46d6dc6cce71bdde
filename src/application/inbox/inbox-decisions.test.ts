import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';
import { identifyMessage, readPayload } from './inbox-message.ts';
import { decideOrder } from './order-decision.ts';

describe('the decisions of an inbox', () => {
  test('on the order of a message, by the version seen before', () => {
    const table = [
      ['independent', 5n, 1n, 'next'],
      ['latest', -1n, 0n, 'next'],
      ['latest', 5n, 5n, 'stale'],
      ['latest', 5n, 4n, 'stale'],
      ['latest', 5n, 9n, 'next'],
      ['contiguous', 0n, 1n, 'next'],
      ['contiguous', 0n, 2n, 'early'],
      ['contiguous', 5n, 5n, 'stale'],
      ['contiguous', 5n, 6n, 'next'],
    ] as const;
    for (const [kind, seen, version, verdict] of table) assert.equal(decideOrder({ kind }, seen, version), verdict);
  });

  test('in the order latest, any repetition of any prefix leaves the state of the last version', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1 }), (versions) => {
        let seen = -1n;
        for (const version of versions) {
          if (decideOrder({ kind: 'latest' }, seen, BigInt(version)) === 'next') seen = BigInt(version);
        }
        assert.equal(seen, BigInt(Math.max(...versions)));
      }),
    );
  });

  test('on a key, as long as that of an event may be', () => {
    const identify = (key: string): unknown => identifyMessage({ id: '1', sender: 'shop', key, body: null });
    assert.doesNotThrow(() => identify('🌍'.repeat(1024)));
    assert.throws(() => identify('🌍'.repeat(1025)), { code: 'HW-INBOX-004' });
  });

  test('on equal content: canonical JSON holds what JSON holds, whatever the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        const again: unknown = JSON.parse(JSON.stringify(value));
        assert.deepEqual(JSON.parse(text ?? ''), again);
        assert.equal(canonicalJson(again), text);
      }),
    );
    assert.equal(canonicalJson({ b: 1, a: { d: 2, c: undefined } }), '{"a":{"d":2},"b":1}');
    const loop: unknown[] = [];
    loop.push(loop);
    for (const lost of [1n, Number.NaN, () => 1, new Map(), [undefined], undefined, loop]) {
      assert.equal(canonicalJson(lost), undefined);
    }
  });

  test('on content that is JSON: a byte order mark is no part of it, and what is no UTF-8 is refused', async () => {
    const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const;
    const read = (body: Uint8Array): Promise<unknown> =>
      readPayload(schema, identifyMessage({ id: '1', sender: 'shop', body }));
    const bytes = Buffer.from('\u{feff}{"name":"lämp"}');
    assert.deepEqual(await read(bytes), { name: 'lämp' });
    assert.deepEqual(await read(new Uint8Array(bytes).subarray(3)), { name: 'lämp' });
    for (const broken of [Buffer.from('{"a":"\u00ff"}', 'latin1'), Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])]) {
      await assert.rejects(read(broken), { code: 'HW-INBOX-005' });
    }
  });
});
