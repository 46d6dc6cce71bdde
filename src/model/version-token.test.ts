import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';

import fc from 'fast-check';

import { HeadwaterError } from '../foundation/error.ts';
import { parseLsn, toLsn } from './lsn.ts';
import { decodeVersionToken, encodeVersionToken, mergeVersionTokens, type TokenEntry } from './version-token.ts';

const golden = new URL('../../test/golden/version-token-1/', import.meta.url);
const uint64 = fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn });
const entry: fc.Arbitrary<TokenEntry> = fc.record({
  systemId: fc.oneof(fc.constantFrom('1', '2', '7385000000000000001'), uint64.map(String)),
  timeline: fc.integer({ min: 1, max: 0xffff_ffff }),
  xid: fc.option(uint64, { nil: undefined }),
  lsn: uint64.map(toLsn),
});
const entries = fc.array(entry, { minLength: 1, maxLength: 16 });

describe('a version token', () => {
  it('is what was written down, for ever', () => {
    const cases = JSON.parse(readFileSync(new URL('tokens.json', golden), 'utf8')) as readonly {
      readonly token: string;
      readonly entries: readonly { systemId: string; timeline: number; xid: string | null; lsn: string }[];
    }[];
    assert.ok(cases.length > 0);
    for (const { token, entries } of cases) {
      const wanted = entries.map(({ lsn, xid, ...rest }) => ({
        ...rest,
        xid: xid === null ? undefined : BigInt(xid),
        lsn: parseLsn(lsn),
      }));
      assert.deepEqual(decodeVersionToken(token), wanted);
      assert.equal(encodeVersionToken(wanted), token);
    }
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const token = encodeVersionToken(list);
        assert.equal(encodeVersionToken(decodeVersionToken(token)), token);
      }),
    );
  });

  it('of one source takes 60 bytes at most, and needs no quoting in a header, a cookie or an address', () => {
    fc.assert(
      fc.property(entry, (one) => {
        assert.match(encodeVersionToken([one]), /^[\w-]{1,60}$/);
      }),
    );
  });

  it('is refused whatever single character was changed, lost or added', () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.constantFrom('', ...Array.from('AZaz09-_+/= é\n')), (list, place, other) => {
        const token = encodeVersionToken(list);
        const index = place % token.length;
        const damaged = `${token.slice(0, index)}${other}${token.slice(index + 1)}`;
        if (damaged !== token) assertRefused(damaged, 'HW-TOKEN-001', 'HW-TOKEN-002');
        assertRefused(token + token, 'HW-TOKEN-001');
      }),
    );
    for (const garbage of ['', 'A', '=', 'undefined', 'null', '../../etc/passwd', 'A'.repeat(1_000_000), '%00']) {
      assertRefused(garbage, 'HW-TOKEN-001');
    }
  });

  it('of a newer version is a refusal of its own', () => {
    const body = Buffer.from([2, 1, 2, 3]);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    assertRefused(Buffer.concat([body, sum]).toString('base64url'), 'HW-TOKEN-002');
  });
});

describe('merged version tokens', () => {
  it('only rise, in whichever order they are merged', () => {
    fc.assert(
      fc.property(entries, entries, entries, (first, second, third) => {
        fc.pre(new Set([...first, ...second, ...third].map(({ systemId }) => systemId)).size <= 16);
        const [a, b, c] = [encodeVersionToken(first), encodeVersionToken(second), encodeVersionToken(third)];
        const merged = mergeVersionTokens(a, b);
        for (const before of [...decodeVersionToken(a), ...decodeVersionToken(b)]) {
          const after = decodeVersionToken(merged).find(({ systemId }) => systemId === before.systemId);
          assert.ok(after !== undefined);
          const isSame = after.timeline === before.timeline;
          assert.ok(isSame ? after.lsn >= before.lsn : after.timeline > before.timeline);
        }
        assert.deepEqual(
          places(mergeVersionTokens(merged, c)),
          places(mergeVersionTokens(c, mergeVersionTokens(b, a))),
        );
        assert.equal(mergeVersionTokens(merged, a, b), merged);
      }),
    );
  });

  it('keep the newer timeline of a system, although its location may be lower', () => {
    const lost = { systemId: '7', timeline: 1, xid: 5n, lsn: toLsn(900n) };
    const survived = { systemId: '7', timeline: 2, xid: 4n, lsn: toLsn(300n) };
    const merged = mergeVersionTokens(encodeVersionToken([lost]), encodeVersionToken([survived]));
    assert.deepEqual(decodeVersionToken(merged), [survived]);
  });
});

function places(token: string): readonly unknown[] {
  return decodeVersionToken(token).map(({ lsn, systemId, timeline }) => ({ lsn, systemId, timeline }));
}

function assertRefused(text: string, ...codes: readonly string[]): void {
  assert.throws(
    () => decodeVersionToken(text),
    (error) => error instanceof HeadwaterError && codes.includes(error.code),
    text.slice(0, 100),
  );
}
