import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { encodeVersionToken, mergeVersionTokens, type VersionToken } from '../../model/version-token.ts';
import { toLsn } from '../../model/lsn.ts';
import { frameworks } from '../http/testing/frameworks.ts';
import { tokenHeaderName, withVersionToken } from './token-handler.ts';

const tokenOf = (lsn: bigint): VersionToken =>
  encodeVersionToken([{ systemId: '7', timeline: 1, xid: undefined, lsn: toLsn(lsn) }]);
const [early, late] = [tokenOf(5n), tokenOf(9n)];

describe('version tokens over HTTP', () => {
  for (const [name, serve] of Object.entries(frameworks)) {
    it(`come and go with requests and answers of ${name}, as header and as cookie`, async () => {
      const seen: (string | undefined)[] = [];
      const handler = withVersionToken(
        async (request, tokens) => {
          seen.push(tokens.token);
          tokens.note(late);
          return Response.json(await request.json(), { status: 201, headers: { 'set-cookie': 'session=1' } });
        },
        { cookie: true },
      );
      await using served = await serve(handler);
      const send = (headers: Readonly<Record<string, string>>): Promise<Response> => {
        const request = new Request(`${served.url}/orders`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: '{"note":"a"}',
        });
        return served.send === undefined ? fetch(request) : served.send(request);
      };
      const first = await send({ [tokenHeaderName]: early });
      assert.equal(first.status, 201);
      assert.deepEqual(await first.json(), { note: 'a' });
      assert.equal(first.headers.get(tokenHeaderName), mergeVersionTokens(early, late));
      const cookies = first.headers.getSetCookie();
      assert.equal(cookies.length, 2, 'the cookie of the application is kept');
      assert.ok(cookies.some((cookie) => cookie.startsWith(`${tokenHeaderName}=${late};`)));
      await send({ cookie: `other=1; ${tokenHeaderName}=${late}` });
      const refused = await send({ [tokenHeaderName]: 'garbage' });
      assert.equal(refused.status, 400);
      assert.match(await refused.text(), /HW-TOKEN-001/);
      assert.deepEqual(seen, [early, late]);
    });
  }
});
