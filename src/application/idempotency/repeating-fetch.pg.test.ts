import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';

import { skipReason } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { FaultProxy, holdsText } from '../../testing/fault-proxy.ts';
import { toExpress } from '../http/express.ts';
import { listen } from '../http/testing/frameworks.ts';
import { readOutcome } from '../transact/read-outcome.ts';
import type { OperationSafety } from './operation.ts';
import { createRepeatingFetch, type RepeatingFetchOptions } from './repeating-fetch.ts';
import {
  createIdempotencyStage,
  type IdempotencyStage,
  orderOperation,
  placeOrder,
} from './testing/idempotency-stage.ts';

/** What a server got: the key of each request. */
interface Edge extends AsyncDisposable {
  readonly url: string;
  readonly keys: (string | undefined)[];
}

async function serve(answer: RequestListener): Promise<Edge> {
  const keys: (string | undefined)[] = [];
  const served = await listen((request, response) => {
    keys.push(request.headers['idempotency-key']?.toString());
    answer(request, response);
  });
  return { ...served, keys };
}

const order: RequestInit = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ note: 'tent' }),
};

function fetchAs(safety: OperationSafety | undefined, options: Partial<RepeatingFetchOptions> = {}) {
  return createRepeatingFetch({ safetyOf: () => safety, initialDelayMs: 1, maxDelayMs: 5, ...options });
}

/** Ends the connection of the first requests, and answers the others. */
function dropFirst(count: number): RequestListener {
  let left = count;
  return (request, response) => {
    left -= 1;
    if (left >= 0) request.socket.destroy();
    else response.end('at last');
  };
}

async function rejection(promise: Promise<unknown>): Promise<HeadwaterError> {
  const error: unknown = await promise.then(
    () => assert.fail('it resolved'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HeadwaterError, String(error));
  return error;
}

describe('a client that repeats requests', () => {
  it('repeats safe and natural ones without a key', async () => {
    for (const safety of ['safe', 'natural'] as const) {
      await using edge = await serve(dropFirst(2));
      const response = await fetchAs(safety)(edge.url, { method: 'PUT', body: 'x' });
      assert.equal(await response.text(), 'at last');
      assert.deepEqual(edge.keys, [undefined, undefined, undefined]);
    }
  });

  it('repeats keyed ones with one key, that of the caller if it gave one', async () => {
    await using edge = await serve(dropFirst(2));
    await fetchAs('keyed')(edge.url, order);
    assert.equal(edge.keys.length, 3);
    assert.match(edge.keys[0] ?? '', /^"[0-9a-f-]{36}"$/);
    assert.equal(new Set(edge.keys).size, 1);
    await using second = await serve(dropFirst(1));
    await fetchAs('keyed')(second.url, { ...order, headers: { 'idempotency-key': '"mine"' } });
    assert.deepEqual(second.keys, ['"mine"', '"mine"']);
    const invalid = await rejection(fetchAs('keyed')(second.url, { ...order, headers: { 'idempotency-key': '"' } }));
    assert.equal(invalid.code, 'HW-IDEMPOTENCY-002');
    assert.equal(second.keys.length, 2);
  });

  it('sends unsafe ones, and those that nobody declared, once and never again', async () => {
    for (const safety of ['unsafe', undefined] as const) {
      await using edge = await serve(dropFirst(1));
      const error = await rejection(fetchAs(safety)(edge.url, order));
      assert.equal(error.code, 'HW-IDEMPOTENCY-016');
      assert.equal(readOutcome(error), 'indeterminate');
      assert.deepEqual(edge.keys, [undefined]);
      await using busy = await serve((_, response) => response.writeHead(503, { 'retry-after': '0' }).end());
      assert.equal((await fetchAs(safety)(busy.url, order)).status, 503);
      assert.equal(busy.keys.length, 1);
    }
  });

  it('gives up with the key to go on with, and returns the last answer where there was one', async () => {
    await using edge = await serve(dropFirst(99));
    const error = await rejection(fetchAs('keyed', { attemptsMax: 3 })(edge.url, order));
    assert.equal(error.code, 'HW-IDEMPOTENCY-016');
    assert.equal(error.details['key'], edge.keys[0]);
    assert.equal(edge.keys.length, 3);
    await using busy = await serve((_, response) => response.writeHead(503).end('busy'));
    const response = await fetchAs('keyed', { attemptsMax: 2 })(busy.url, order);
    assert.deepEqual([response.status, await response.text(), busy.keys.length], [503, 'busy', 2]);
    await using later = await serve((_, answer) => answer.writeHead(503, { 'retry-after': '3600' }).end());
    assert.equal((await fetchAs('keyed')(later.url, order)).status, 503);
    assert.equal(later.keys.length, 1, 'nobody waits for an hour');
  });

  it('takes a server that does not answer for one that cannot', async () => {
    let count = 0;
    await using edge = await serve((_, response) => {
      count += 1;
      if (count === 2) response.end('at last');
    });
    const response = await fetchAs('keyed', { attemptTimeoutMs: 200 })(edge.url, order);
    assert.equal(await response.text(), 'at last');
  });

  it('repeats what was answered by a busy server whose connection broke behind its status', async () => {
    const answers = [
      new Response(new ReadableStream({ start: (body) => body.error(new TypeError('terminated')) }), { status: 503 }),
      new Response('at last'),
    ];
    const send = fetchAs('keyed', { fetch: async () => answers.shift() ?? assert.fail() });
    assert.equal(await (await send('http://shop.test/orders', order)).text(), 'at last');
  });

  it('waits for as long as it was told, also beyond what a timer can hold', async () => {
    await using edge = await serve((_, response) => response.end('at once'));
    const response = await fetchAs('safe', { attemptTimeoutMs: 2 ** 40, budgetMs: 2 ** 40 })(edge.url);
    assert.equal(await response.text(), 'at once');
    assert.equal(edge.keys.length, 1);
  });

  it('ends with the reason of a caller that does not want it any more', async () => {
    const abort = new AbortController();
    await using edge = await serve(() => abort.abort(new Error('enough')));
    await assert.rejects(fetchAs('keyed')(edge.url, { ...order, signal: abort.signal }), /enough/);
    assert.equal(edge.keys.length, 1);
  });

  it('refuses limits that cannot hold', () => {
    for (const limit of [{ attemptsMax: 0 }, { budgetMs: Number.NaN }, { attemptTimeoutMs: -1 }]) {
      assert.throws(() => fetchAs('safe', limit), { code: 'HW-IDEMPOTENCY-014' });
    }
  });
});

const skip = await skipReason('postgres18');

describe('a client that repeats requests, and a service with keys', { skip }, () => {
  let stage: IdempotencyStage;
  before(async () => {
    stage = await createIdempotencyStage(18, (pool) => pool);
  });
  after(() => stage[Symbol.asyncDispose]());
  beforeEach(() => stage.clear());

  it('have one effect, whichever answers are lost on the way', async () => {
    const placed = toExpress(stage.open().handler(orderOperation(placeOrder)));
    await using served = await listen((request, response) => {
      void placed(request, response, (error) => response.writeHead(500).end(String(error)));
    });
    await using proxy = await FaultProxy.start({ host: '127.0.0.1', port: Number(new URL(served.url).port) });
    const lost = [proxy.loseReply({ request: holdsText('tent') }), proxy.loseReply({ request: holdsText('tent') })];
    const send = fetchAs('keyed');
    const response = await send(`http://127.0.0.1:${proxy.port}/orders`, order);
    await Promise.all(lost);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('idempotent-replayed'), 'true');
    assert.equal(await stage.countOrders(), 1);
    // A second call is a second wish.
    await send(`http://127.0.0.1:${proxy.port}/orders`, order);
    assert.equal(await stage.countOrders(), 2);
  });
});
