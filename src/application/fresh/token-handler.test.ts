import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../../foundation/error.ts';
import { toLsn } from '../../model/lsn.ts';
import { decodeVersionToken, encodeVersionToken, type VersionToken } from '../../model/version-token.ts';
import { isVersionToken, tokenHeaderName, type TokenStore, withVersionToken } from './token-handler.ts';

const tokenAt = (lsn: bigint, systemId = '7'): VersionToken =>
  encodeVersionToken([{ systemId, timeline: 1, xid: undefined, lsn: toLsn(lsn) }]);
const ask = (headers: Record<string, string> = {}): Request => new Request('http://shop.example/', { headers });
const lsnsOf = (response: Response): readonly bigint[] =>
  decodeVersionToken(response.headers.get(tokenHeaderName) ?? '').map(({ lsn }) => lsn);

describe('a fetch handler with version tokens', () => {
  it('gives a client a token that only rises, from request to request, whichever instance answers', async () => {
    let own = 0n;
    const handle = withVersionToken((_, tokens) => {
      tokens.note(tokenAt(own));
      return new Response('done');
    });
    let carried: string | undefined;
    let highest = 0n;
    for (const lsn of [5n, 3n, 9n, 1n, 9n, 20n, 2n]) {
      own = lsn;
      const response = await handle(ask(carried === undefined ? {} : { [tokenHeaderName]: carried }));
      carried = response.headers.get(tokenHeaderName) ?? assert.fail('no token');
      highest = lsn > highest ? lsn : highest;
      assert.deepEqual(lsnsOf(response), [highest]);
      assert.equal(response.headers.get('vary'), tokenHeaderName);
    }
  });

  it('reads header and cookie, and asks for both of two sources', async () => {
    let seen: VersionToken | undefined;
    const handle = withVersionToken(
      (_, { token }) => {
        seen = token;
        return new Response();
      },
      { cookie: true },
    );
    const response = await handle(
      ask({ [tokenHeaderName]: tokenAt(5n), cookie: `a=b; ${tokenHeaderName}=${tokenAt(9n, '8')}; c` }),
    );
    assert.deepEqual(
      decodeVersionToken(seen ?? '').map(({ lsn }) => lsn),
      [5n, 9n],
    );
    assert.match(response.headers.get('set-cookie') ?? '', /^headwater-token=[\w-]{82}; Path=\/; HttpOnly/);
  });

  it('keeps tokens on the side of the server, for clients that carry nothing', async () => {
    const kept = new Map<string, VersionToken>();
    const store: TokenStore = {
      get: (request) => Promise.resolve(kept.get(request.headers.get('session') ?? '')),
      set: async (request, token) => void kept.set(request.headers.get('session') ?? '', token),
    };
    const seen: (string | undefined)[] = [];
    const handle = withVersionToken(
      (_, tokens) => {
        seen.push(tokens.token);
        tokens.note(tokenAt(4n));
        return new Response();
      },
      { store },
    );
    for (const session of ['one', 'two', 'one']) await handle(ask({ session }));
    assert.deepEqual(seen, [undefined, undefined, tokenAt(4n)]);
  });

  it('leaves requests alone that carry no token and write nothing', async () => {
    const response = new Response('same');
    const handle = withVersionToken(() => response);
    assert.equal(await handle(ask()), response);
  });

  for (const [code, status] of [
    ['HW-TOKEN-001', 400],
    ['HW-TOKEN-002', 409],
    ['HW-TOKEN-004', 409],
    ['HW-TOKEN-005', 503],
  ] as const) {
    it(`answers ${code} with ${status} and says why`, async () => {
      const handle = withVersionToken(() => {
        throw new HeadwaterError(code, 'so it is', { details: { lagBytes: 5 } });
      });
      const response = await handle(ask());
      assert.equal(response.status, status);
      assert.equal(response.headers.get('content-type'), 'application/problem+json');
      assert.equal(response.headers.get('retry-after'), status === 503 ? '1' : null);
      assert.partialDeepStrictEqual(await response.json(), { status, code, details: { lagBytes: 5 } });
    });
  }

  it('answers garbage with 400 before the handler is asked, and lets other errors pass', async () => {
    const handle = withVersionToken(() => assert.fail('asked'));
    assert.equal((await handle(ask({ [tokenHeaderName]: 'rubbish' }))).status, 400);
    await assert.rejects(handle(ask()), /asked/);
    assert.deepEqual([isVersionToken('rubbish'), isVersionToken(tokenAt(1n))], [false, true]);
  });
});
