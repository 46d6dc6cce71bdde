import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { LaneOptions } from '../../lane-options.ts';
import type { Lane } from '../../lane.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { testEvent } from '../../../testing/memory-journal.ts';
import { type ScriptedAnswer, ScriptedEndpoint } from './testing/scripted-endpoint.ts';
import { verifyWebhook } from './verify-webhook.ts';
import type { WebhookSinkOptions } from './webhook-options.ts';
import { webhookSink } from './webhook-sink.ts';

const oldSecret = `whsec_${randomBytes(32).toString('base64')}`;
const newSecret = `whsec_${randomBytes(32).toString('base64')}`;

function sinkTo(
  endpoint: Pick<ScriptedEndpoint, 'url'>,
  options: Partial<WebhookSinkOptions> = {},
): LaneOptions['sink'] {
  return webhookSink({
    url: endpoint.url,
    secrets: newSecret,
    allowHttp: true,
    allowPrivateAddresses: true,
    timeoutMs: 5000,
    ...options,
  });
}

/** Waits for a condition on the lane. */
async function until(stage: LaneStage, isMet: () => boolean): Promise<void> {
  while (!isMet()) await stage.clock.sleep(1);
}

/** Delivers events to an endpoint until all have arrived. */
async function deliver(stage: LaneStage, sink: LaneOptions['sink'], ids: readonly string[]): Promise<Lane> {
  const lane = stage.lane({ sink });
  await lane.start();
  for (const id of ids) stage.journal.append([testEvent(id.slice(0, 1), id)]);
  await lane.drain();
  return lane;
}

describe('the webhook sink', () => {
  test('sends signed bytes that the receiver verifies, and the same id again after a failure', async () => {
    let failures = 1;
    await using endpoint = await ScriptedEndpoint.start({ answer: () => (failures-- > 0 ? 500 : 200) });
    await using stage = new LaneStage();
    await deliver(stage, sinkTo(endpoint, { headers: { Authorization: 'Bearer t' } }), ['a-0']);
    assert.deepEqual(endpoint.ids, ['a-0', 'a-0']);
    for (const { headers, body, id } of endpoint.requests) {
      assert.equal(verifyWebhook(headers, body, newSecret).id, id);
      assert.equal(headers['content-length'], String(body.byteLength));
      assert.equal(headers.authorization, 'Bearer t');
      assert.match(headers['user-agent'] ?? '', /^headwater\/\d/);
      assert.throws(() => verifyWebhook(headers, Buffer.concat([body, Buffer.from(' ')]), newSecret), {
        code: 'HW-WEBHOOK-022',
      });
    }
  });

  test('has a receiver change from the old secret to the new one without a request refused', async () => {
    let known = oldSecret;
    await using endpoint = await ScriptedEndpoint.start({
      answer: ({ headers, body }) => {
        try {
          verifyWebhook(headers, body, known);
          return 200;
        } catch {
          return 401;
        }
      },
    });
    await using stage = new LaneStage();
    const lane = await deliver(stage, sinkTo(endpoint, { secrets: [newSecret, oldSecret] }), ['a-0']);
    known = newSecret;
    stage.journal.append([testEvent('a', 'a-1')]);
    await lane.drain();
    assert.equal(lane.status().retryCount, 0);
    await lane.stop();
    // The old one alone is refused now: by name, and the record is not skipped.
    const wrong = stage.lane({ sink: sinkTo(endpoint, { secrets: oldSecret }) });
    await wrong.start();
    stage.journal.append([testEvent('a', 'a-2')]);
    await assert.rejects(wrong.drain(), { code: 'HW-LANE-012' });
    assert.equal(wrong.status().lastFailure?.error.code, 'HW-WEBHOOK-005');
    assert.equal(wrong.status().checkpoint?.sequence, 2n);
  });

  test('sends the records of a key one after the other, several keys at once, over connections that stay open', async () => {
    const open = new Map<string, number>();
    let most = 0;
    await using endpoint = await ScriptedEndpoint.start({
      answer: ({ id }) => {
        const key = id.slice(0, 1);
        assert.ok(!open.has(key), 'a key has one request at a time');
        open.set(key, 1);
        most = Math.max(most, open.size);
        return (_request, response) => {
          setImmediate(() => {
            open.delete(key);
            response.end();
          });
        };
      },
    });
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: sinkTo(endpoint), concurrencyMax: 3 });
    await lane.start();
    const ids = Array.from({ length: 100 }, (_, count) => `${'abcde'[count % 5]}-${Math.floor(count / 5)}`);
    stage.journal.append(ids.map((id) => testEvent(id.slice(0, 1), id)));
    await lane.drain();
    for (const key of 'abcde') {
      assert.deepEqual(
        endpoint.ids.filter((id) => id.startsWith(key)),
        ids.filter((id) => id.startsWith(key)),
      );
    }
    assert.ok(most > 1 && most <= 3, `${most} at once`);
    assert.ok(endpoint.connectionCount <= 3, `${endpoint.connectionCount} connections`);
  });

  test('goes on over a new connection when the endpoint closed the idle one', async () => {
    await using endpoint = await ScriptedEndpoint.start();
    await using stage = new LaneStage();
    const lane = await deliver(stage, sinkTo(endpoint), ['a-0']);
    endpoint.cut();
    stage.journal.append([testEvent('a', 'a-1')]);
    await lane.drain();
    assert.deepEqual(endpoint.ids, ['a-0', 'a-1']);
    assert.equal(endpoint.connectionCount, 2);
  });

  test('reads a secret that a function gives, and waits while it cannot be read', async () => {
    await using endpoint = await ScriptedEndpoint.start();
    await using stage = new LaneStage();
    let failures = 2;
    const secrets = (): string => {
      if (failures-- > 0) throw new Error('the vault is away');
      return newSecret;
    };
    const lane = await deliver(stage, sinkTo(endpoint, { secrets }), ['a-0']);
    assert.equal(lane.status().lastFailure?.error.code, 'HW-WEBHOOK-013');
    assert.equal(
      verifyWebhook(endpoint.requests[0]?.headers ?? {}, endpoint.requests[0]?.body ?? '', newSecret).id,
      'a-0',
    );
  });
});

describe('an endpoint that answers', () => {
  const stopping: readonly (readonly [statusCode: number, code: string])[] = [
    [400, 'HW-WEBHOOK-011'],
    [401, 'HW-WEBHOOK-005'],
    [404, 'HW-WEBHOOK-006'],
    [410, 'HW-WEBHOOK-007'],
    [418, 'HW-WEBHOOK-008'],
    [422, 'HW-WEBHOOK-011'],
  ];
  for (const [statusCode, code] of stopping) {
    test(`${statusCode} stops the lane in front of the record, which is sent again when the lane is resumed`, async () => {
      let answer: ScriptedAnswer = statusCode;
      await using endpoint = await ScriptedEndpoint.start({ answer: ({ id }) => (id === 'a-1' ? answer : 204) });
      await using stage = new LaneStage();
      const lane = await deliver(stage, sinkTo(endpoint), ['a-0']);
      stage.journal.append([testEvent('a', 'a-1')]);
      stage.journal.append([testEvent('a', 'a-2')]);
      await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
      const { lastFailure, checkpoint, condition } = lane.status();
      assert.equal(lastFailure?.error.code, code);
      assert.equal(lastFailure?.recordId, 'a-1');
      assert.match(lastFailure?.error.message ?? '', new RegExp(`answered ${statusCode}`));
      assert.equal(condition, 'failed');
      assert.equal(checkpoint?.sequence, 1n);
      assert.deepEqual(endpoint.ids, ['a-0', 'a-1']);
      answer = 200;
      await lane.resume();
      await until(stage, () => lane.status().condition === 'running');
      await lane.drain();
      assert.deepEqual(endpoint.ids, ['a-0', 'a-1', 'a-1', 'a-2']);
    });
  }

  for (const statusCode of [301, 302, 303, 307, 308]) {
    test(`${statusCode} is not followed: nothing reaches the other address`, async () => {
      await using trap = await ScriptedEndpoint.start();
      const location = { location: trap.url, 'retry-after': '0' };
      await using endpoint = await ScriptedEndpoint.start({ answer: () => [statusCode, location] });
      await using stage = new LaneStage();
      await assert.rejects(deliver(stage, sinkTo(endpoint), ['a-0']), { code: 'HW-LANE-012' });
      assert.deepEqual(endpoint.ids, ['a-0']);
      assert.deepEqual(trap.ids, []);
      assert.equal(trap.connectionCount, 0);
    });
  }

  test('with Retry-After gets nothing of any key before that time, and everything afterwards', async () => {
    let answer: ScriptedAnswer = [503, { 'retry-after': '1' }];
    await using endpoint = await ScriptedEndpoint.start({
      answer: () => {
        const given = answer;
        answer = 204;
        return given;
      },
    });
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: sinkTo(endpoint), concurrencyMax: 1 });
    await lane.start();
    stage.journal.append([testEvent('a', 'a-0'), testEvent('b', 'b-0'), testEvent('c', 'c-0')]);
    await lane.drain();
    const [first, ...rest] = endpoint.requests;
    assert.ok(first !== undefined && rest.length === 3, endpoint.ids.join(' '));
    for (const { atMs, id } of rest) assert.ok(atMs - first.atMs >= 999, `${id} came after ${atMs - first.atMs} ms`);
    assert.deepEqual(endpoint.ids.slice(1).toSorted(), ['a-0', 'b-0', 'c-0']);
  });

  test('with a Retry-After of a day is waited for no longer than the limit, and the lane stops at once meanwhile', async () => {
    await using endpoint = await ScriptedEndpoint.start({ answer: () => [429, { 'retry-after': '86400' }] });
    await using stage = new LaneStage();
    const lane = stage.lane({ sink: sinkTo(endpoint, { retryAfterMaxMs: 60_000 }) });
    await lane.start();
    stage.journal.append([testEvent('a', 'a-0')]);
    await until(stage, () => lane.status().retryCount > 0);
    assert.equal(lane.status().lastFailure?.error.retryAfterMs, 60_000);
    const beganMs = performance.now();
    await lane.stop();
    assert.ok(performance.now() - beganMs < 5000, 'a lane that waits stops at once');
    assert.deepEqual(endpoint.ids, ['a-0']);
  });
});

/** A server that writes these bytes to whoever connects, whatever it is sent. */
async function startRaw(
  answer: (write: (bytes: string) => boolean, end: () => void) => void,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      answer(
        (bytes) => !socket.destroyed && socket.write(bytes),
        () => socket.destroy(),
      ),
    );
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

describe('an answer that is not one', () => {
  const broken: readonly (readonly [what: string, code: string, Parameters<typeof startRaw>[0]])[] = [
    ['the greeting of another protocol', 'HW-WEBHOOK-010', (write) => write('E\0\0\0\x89SFATAL\0C08P01\0')],
    [
      'a head without an end',
      'HW-WEBHOOK-010',
      (write) => endlessly(write, 'HTTP/1.1 200 OK\r\n', 'x-a: aaaaaaaaaaaaaaaaaaaaaa\r\n'),
    ],
    ['a connection that ends without a word', 'HW-SINK-001', (_write, end) => end()],
    [
      '200 and half of a body',
      'HW-SINK-001',
      (write, end) => (write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'), end()),
    ],
    ['silence', 'HW-SINK-004', () => undefined],
    [
      '200 and a body that stays away',
      'HW-SINK-004',
      (write) => write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'),
    ],
    [
      '103 again and again',
      'HW-SINK-004',
      (write) => endlessly(write, '', 'HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n', 200),
    ],
    [
      'another protocol to go on with',
      'HW-SINK-001',
      (write) => write('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    ],
  ];
  for (const [what, code, answer] of broken) {
    test(`(${what}) is no acknowledgement: the record is sent again`, async () => {
      await using endpoint = await startRaw(answer);
      await using stage = new LaneStage();
      // Short only where it is the time limit that is met: a busy machine is slow by itself.
      const lane = stage.lane({ sink: sinkTo(endpoint, { timeoutMs: code === 'HW-SINK-004' ? 200 : 10_000 }) });
      await lane.start();
      stage.journal.append([testEvent('a', 'a-0')]);
      await until(stage, () => lane.status().retryCount >= 2);
      assert.equal(lane.status().lastFailure?.error.code, code);
      assert.equal(lane.status().checkpoint?.sequence, 0n);
    });
  }

  test('(200 and a body without an end) counts by its status, and no more than the limit is read', async () => {
    let written = 0;
    await using endpoint = await startRaw((write, end) => {
      write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
      const go = (): void => {
        if (!write(chunk) && written > 200) return end();
        written += 1;
        if (written < 4000) setImmediate(go);
      };
      go();
    });
    await using stage = new LaneStage();
    const lane = await deliver(stage, sinkTo(endpoint), ['a-0', 'a-1']);
    assert.equal(lane.status().retryCount, 0);
    assert.ok(written < 4000, `${written} chunks were taken`);
  });
});

/** Writes again and again for as long as it is read, but for at most so many times. */
function endlessly(write: (bytes: string) => boolean, head: string, repeated: string, countMax = 100_000): void {
  write(head);
  const go = (count: number): void => {
    if (count > countMax) return;
    write(repeated);
    if (count % 100 === 0) setImmediate(() => go(count + 1));
    else go(count + 1);
  };
  go(1);
}
