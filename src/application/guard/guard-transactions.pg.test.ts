import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, get, type Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { get as getSecurely } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';

import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool, type PoolClient } from 'pg';
import { z } from 'zod';

import { skipReason } from '../../../scripts/services/testing.ts';
import { HeadwaterError } from '../../foundation/error.ts';
import { emit } from '../emit/emit.ts';
import { defineEvents } from '../emit/events.ts';
import { createIdempotency } from '../idempotency/idempotency.ts';
import type { PhasedOperation, TransactionOperation } from '../idempotency/operation.ts';
import { inbox } from '../inbox/inbox.ts';
import { aMessage, dayMs, type InboxStage, openInboxStage } from '../inbox/testing/inbox-stage.ts';
import { drivePg } from '../testing/drivers/pg.ts';
import { drivenLibraries } from '../testing/transaction-drivers.ts';
import { transact } from '../transact/transact.ts';
import { guardTransactions, type NetworkCall, watchTransaction } from './guard-transactions.ts';

const skip = await skipReason('postgres18');

describe('a guard', { skip }, () => {
  let stage: InboxStage;
  let web: Server;
  let url: string;
  let requests: string[];
  before(async () => {
    stage = await openInboxStage();
    web = createServer((request, response) => {
      requests.push(request.url ?? '');
      response.end('answer');
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    url = `http://127.0.0.1:${portOf(web)}`;
  });
  after(async () => {
    web.closeAllConnections();
    web.close();
    await stage[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    requests = [];
    await stage.database.query('truncate effects');
  });

  /** Somebody's code, three frames below the callback. */
  async function askBank(): Promise<string> {
    return (await fetch(`${url}/charges?card=4242`)).text();
  }
  const write = (tx: unknown): Promise<unknown> =>
    (tx as { query(text: string): Promise<unknown> }).query("insert into effects (text) values ('order')");

  /** Runs something with a guard that reports, and gives what it reported. */
  async function reportedOf(work: () => Promise<unknown>): Promise<NetworkCall[]> {
    const calls: NetworkCall[] = [];
    using guard = guardTransactions({ mode: 'report', report: (_error, call) => calls.push(call) });
    await work();
    const counted = Object.values(guard.counts()).reduce((sum, count) => sum + count, 0);
    assert.ok(counted >= calls.length);
    return calls;
  }

  it('fails a unit of work that calls by fetch, before the call has left, and nothing is written', async () => {
    using guard = guardTransactions({ mode: 'throw' });
    let inside: unknown;
    const error = await rejectionOf(
      transact(stage.pool, async (tx) => {
        await write(tx);
        inside = await rejectionOf(askBank());
        return 'swallowed';
      }),
    );
    assert.ok(error instanceof HeadwaterError);
    assert.equal(error.code, 'HW-GUARD-001');
    assert.equal((inside as Error).cause, error, 'the call itself was refused');
    assert.deepEqual(requests, []);
    assert.deepEqual(await stage.effects(), []);
    assert.equal(guard.counts().fetch, 1);
  });

  it('names the unit, the target without path or query, the stack of the call and of the unit, and the fix', async () => {
    using _ = guardTransactions({ mode: 'throw' });
    async function placeOrder(): Promise<void> {
      await transact(stage.pool, async () => {
        await askBank();
      });
    }
    const error = await rejectionOf(placeOrder());
    assert.ok(error instanceof HeadwaterError);
    assert.equal(
      error.message,
      `network I/O inside an open transaction: fetch to 127.0.0.1:${portOf(web)} in transact`,
    );
    assert.match(error.stack ?? '', /at (async )?askBank \(.*guard-transactions\.pg\.test\.ts/);
    assert.match(error.stack ?? '', /in the transaction that was begun here:[^]*placeOrder/);
    assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /4242|charges/);
    assert.match(error.hint, /[Ee]mit an event.*effect/);
  });

  for (const [protocol, request] of Object.entries({ http: get, https: getSecurely })) {
    it(`refuses a request of ${protocol} before it has left`, async () => {
      using _ = guardTransactions({ mode: 'throw' });
      const error = await rejectionOf(
        transact(stage.pool, async () => {
          throw await rejectionOf(once(request(`${protocol}://127.0.0.1:${portOf(web)}/charges`), 'response'));
        }),
      );
      assert.ok(error instanceof HeadwaterError, String(error));
      assert.equal(error.details['via'], 'http');
      assert.equal(error.details['target'], `127.0.0.1:${portOf(web)}`);
      assert.deepEqual(requests, []);
    });
  }

  it('fails a unit behind a request of http2 on a session that was open before', async () => {
    const paths: unknown[] = [];
    const server = createHttp2Server().on('stream', (stream, headers) => {
      paths.push(headers[':path']);
      stream.respond({ ':status': 200 });
      stream.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`http://127.0.0.1:${portOf(server)}`);
    try {
      await once(session, 'connect');
      using _ = guardTransactions({ mode: 'throw' });
      const error = await rejectionOf(
        transact(stage.pool, async () => {
          const request = session.request({ ':path': '/charges' });
          request.on('error', () => undefined);
          request.end();
          await once(request, 'close').catch(() => undefined);
        }),
      );
      assert.ok(error instanceof HeadwaterError);
      assert.equal(error.details['via'], 'http2');
      assert.equal(error.details['target'], `127.0.0.1:${portOf(server)}`);
      assert.deepEqual(paths, ['/charges'], 'it could not be held back');
    } finally {
      session.close();
      server.close();
    }
  });

  it('sees a call in what the callback awaits, calls and begins in parallel, on a connection that is kept', async () => {
    await askBank();
    const calls = await reportedOf(() =>
      transact(stage.pool, async (tx) => {
        await write(tx);
        await Promise.all([write(tx), Promise.resolve().then(async () => askBank())]);
      }),
    );
    assert.deepEqual(
      calls.map(({ via, unit }) => [via, unit.kind]),
      [['fetch', 'transact']],
    );
    assert.deepEqual(requests, ['/charges?card=4242', '/charges?card=4242'], 'what is reported goes on');
    assert.deepEqual(await stage.effects(), ['order', 'order']);
  });

  it('sees the handler of an inbox, and fails its message', async () => {
    using _ = guardTransactions({ mode: 'throw' });
    const billing = inbox('guarded', { db: stage.pool, payload: z.unknown(), redeliveryMaxMs: dayMs }, async (tx) => {
      await write(tx);
      await askBank();
    });
    const error = await rejectionOf(billing.receive(aMessage()));
    assert.ok(error instanceof HeadwaterError);
    assert.match(error.message, /in inbox "guarded"$/);
    assert.deepEqual(await stage.effects(), []);
    assert.deepEqual(requests, []);
  });

  describe('and an idempotent operation', () => {
    const post = async (
      name: string,
      steps:
        | Pick<TransactionOperation<PoolClient, object>, 'transaction'>
        | Pick<PhasedOperation<PoolClient, object>, 'phases'>,
    ): Promise<unknown[]> => {
      const failures: unknown[] = [];
      const keys = createIdempotency(stage.pool, {
        principal: () => 'ann',
        onFailure: (error) => failures.push(error),
      });
      const handler = keys.handler({ name, safety: 'keyed', parse: async () => ({}), ...steps });
      const headers = { 'idempotency-key': '"guarded"' };
      using _ = guardTransactions({ mode: 'throw' });
      await handler(new Request('http://shop/buy', { method: 'POST', headers })).catch(() => undefined);
      return failures;
    };

    it('sees its transaction', async () => {
      const [failure] = await post('buy', {
        transaction: async (tx) => {
          await write(tx);
          return Response.json(await askBank());
        },
      });
      assert.ok(failure instanceof HeadwaterError, String(failure));
      assert.match(failure.message, /in idempotent operation "buy"$/);
      assert.deepEqual(await stage.effects(), []);
      assert.deepEqual(requests, []);
    });

    it('sees the transactions of its phases, and leaves the calls between them alone', async () => {
      const [failure] = await post('pay', {
        phases: async (run) => {
          await run.phase('reserve', write);
          await run.call('charge', askBank);
          await run.phase('note', askBank);
          return Response.json({});
        },
      });
      assert.ok(failure instanceof HeadwaterError, String(failure));
      assert.match(failure.message, /in idempotent operation "pay: note"$/);
      assert.deepEqual(await stage.effects(), ['order']);
      assert.equal(requests.length, 1);
    });
  });

  describe('and a transaction of the application that emit was given', () => {
    const placed = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) })['order.placed'];
    /** As applications write it: one client, its own BEGIN and COMMIT. */
    const placeOrder = async (
      client: PoolClient,
      inside: () => Promise<unknown>,
      behind: () => Promise<unknown> = async () => undefined,
    ): Promise<unknown> => {
      await client.query('begin');
      try {
        await emit(client, placed, { orderId: '1' }, { key: '1' });
        const given = await inside();
        await client.query('commit');
        // In the same asynchronous context as the event.
        await behind();
        return given;
      } catch (error) {
        await client.query('rollback');
        throw error;
      }
    };
    const withClient = async <Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> => {
      const client = await stage.pool.connect();
      try {
        return await work(client);
      } finally {
        client.release();
      }
    };

    it('refuses a call behind the event, and none behind the commit', async () => {
      using guard = guardTransactions({ mode: 'throw' });
      await withClient(async (client) => {
        const error = (await rejectionOf(placeOrder(client, askBank))) as Error;
        assert.ok(error.cause instanceof HeadwaterError);
        assert.match(error.cause.message, /in the transaction that emit was given$/);
        assert.match(error.cause.stack ?? '', /askBank[^]*begun here:[^]*placeOrder/);
        assert.deepEqual(requests, []);
        await placeOrder(client, async () => undefined, askBank);
      });
      await askBank();
      assert.equal(requests.length, 2);
      assert.equal(guard.counts().fetch, 1);
    });

    it('sees the transaction of Drizzle on node-postgres, which tells whether it is open', async () => {
      await using library = await drivenLibraries['Drizzle on node-postgres']?.open({ url: stage.url });
      const calls = await reportedOf(async () =>
        library?.run(async (tx) => {
          await emit(tx, placed, { orderId: '1' }, { key: '1' });
          await askBank();
        }, 'commit'),
      );
      assert.deepEqual(
        calls.map(({ unit, via }) => [unit.kind, via]),
        [['emit', 'fetch']],
      );
    });

    it('does not take the transaction of whoever has the client next for it', async () => {
      await using library = drivePg({ url: stage.url, connections: 1 });
      const pool = library.root as typeof stage.pool;
      const calls = await reportedOf(async () => {
        const first = await pool.connect();
        await placeOrder(
          first,
          async () => undefined,
          async () => {
            first.release();
            const next = await pool.connect();
            assert.equal(next, first, 'the same client, lent anew');
            await next.query('begin');
            await askBank();
            await next.query('commit');
            next.release();
          },
        );
      });
      assert.deepEqual(calls, []);
    });

    it('does not take it for that of Drizzle, which is over, either', async () => {
      const pool = new Pool({ connectionString: stage.url, max: 1 });
      try {
        const calls = await reportedOf(async () => {
          const committed = Promise.withResolvers<void>();
          const { behind } = await drizzle(pool).transaction(async (tx) => {
            await emit(tx, placed, { orderId: '1' }, { key: '1' });
            // Not awaited: it goes on in the context of the transaction.
            return { behind: committed.promise.then(askBank) };
          });
          const next = await pool.connect();
          await next.query('begin');
          committed.resolve();
          await behind;
          await next.query('commit');
          next.release();
        });
        assert.deepEqual(calls, []);
      } finally {
        await pool.end();
      }
    });

    it('warns of what it can make fail neither by the call nor by the transaction', async () => {
      await using server = await openTcpServer();
      const open = connect(server.port, '127.0.0.1');
      await once(open, 'connect');
      using _ = guardTransactions({ mode: 'throw' });
      const warned = once(process, 'warning');
      await withClient((client) => placeOrder(client, async () => open.write('HELO\r\n')));
      const [warning] = (await warned) as [Error & { readonly code?: string }];
      assert.equal(warning.code, 'HW-GUARD-001');
      open.destroy();
    });
  });

  it('reports nothing outside of a unit, and nothing of a unit that is over in the same asynchronous context', async () => {
    let late: Promise<unknown> = Promise.resolve();
    const calls = await reportedOf(async () => {
      await askBank();
      const open = Promise.withResolvers<void>();
      await transact(stage.pool, async (tx) => {
        await write(tx);
        // Not awaited: it goes on in the context of a unit that is over.
        late = open.promise.then(askBank);
      });
      open.resolve();
      await late;
      await askBank();
    });
    assert.deepEqual(calls, []);
    assert.equal(requests.length, 3);
  });

  it('keeps units apart that run at once', async () => {
    const failed = Promise.withResolvers<void>();
    using _ = guardTransactions({ mode: 'throw' });
    const clean = transact(stage.pool, async (tx) => {
      await failed.promise;
      await write(tx);
      return 'clean';
    });
    const error = await rejectionOf(transact(stage.pool, askBank));
    failed.resolve();
    assert.ok(error instanceof HeadwaterError);
    assert.equal((await clean).result, 'clean');
    assert.deepEqual(await stage.effects(), ['order']);
  });

  it('sees a write to a socket that was open before, and one that the unit opens', async () => {
    await using server = await openTcpServer();
    const open = connect(server.port, '127.0.0.1');
    await once(open, 'connect');
    const calls = await reportedOf(() =>
      transact(stage.pool, async () => {
        open.write('RCPT TO:<ann@example.com>\r\n');
        open.write('more of it');
        const own = new Socket().connect(server.port, '127.0.0.1');
        await once(own, 'connect');
        own.end('HELO\r\n');
        await once(own, 'close');
      }),
    );
    open.destroy();
    assert.deepEqual(
      calls.map(({ protocol, target, via }) => [via, target, protocol]),
      [
        ['socket', `127.0.0.1:${server.port}`, undefined],
        ['socket', `127.0.0.1:${server.port}`, undefined],
      ],
    );
    for (const { stack } of calls) assert.match(stack, /guard-transactions\.pg\.test\.ts/);
  });

  it('sees a write to a Unix socket, and takes neither pipes of the process nor answers to clients for calls', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'headwater-guard-'));
    const path = join(directory, 'socket');
    const server = createTcpServer((socket) => socket.on('error', () => undefined).resume()).listen(path);
    const answering = createServer((_request, response) => {
      const answer = async (): Promise<void> => {
        await transact(stage.pool, async () => {
          response.write('a part of the answer');
        });
        response.end();
      };
      void answer();
    }).listen(0, '127.0.0.1');
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    try {
      await once(answering, 'listening');
      const calls = await reportedOf(async () => {
        const open = connect(path);
        await once(open, 'connect');
        await watchTransaction('own', async () => {
          child.stdin.write('to a child');
          open.write('HELO\r\n');
        });
        open.destroy();
        const answer = await fetch(`http://127.0.0.1:${portOf(answering)}`);
        assert.equal(await answer.text(), 'a part of the answer');
      });
      assert.deepEqual(
        calls.map(({ target, via }) => [via, target]),
        [['socket', `unix:${path}`]],
      );
    } finally {
      child.stdin.end();
      await once(child, 'exit');
      answering.closeAllConnections();
      answering.close();
      server.close();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('leaves a connection alone that speaks a protocol it does not know, and fails the unit behind it', async () => {
    await using server = await openTcpServer();
    const open = connect(server.port, '127.0.0.1');
    await once(open, 'connect');
    using _ = guardTransactions({ mode: 'throw' });
    const error = await rejectionOf(
      transact(stage.pool, async (tx) => {
        await write(tx);
        open.write('HELO\r\n');
      }),
    );
    assert.ok(error instanceof HeadwaterError);
    assert.equal(open.destroyed, false);
    open.destroy();
    assert.deepEqual(await stage.effects(), []);
  });

  it('lets pass what allow lets pass, and counts the rest without a stack in the mode count', async () => {
    using counting = guardTransactions({ mode: 'count' });
    using allowing = guardTransactions({ mode: 'throw', allow: ({ target }) => target.startsWith('127.0.0.1:') });
    const { outcome } = await transact(stage.pool, askBank);
    assert.equal(outcome, 'committed');
    assert.equal(allowing.counts().fetch, 0);
    assert.equal(counting.counts().fetch, 1);
  });

  it('hooks nothing when it is off, by default in production, and leaves nothing behind when it is disposed', () => {
    const before = process.env['NODE_ENV'];
    const connectOfNode: unknown = Reflect.get(Socket.prototype, 'connect');
    const isHooked = (): boolean =>
      Object.hasOwn(Socket.prototype, 'write') ||
      Reflect.get(Socket.prototype, 'connect') !== connectOfNode ||
      channel('undici:request:create').hasSubscribers ||
      channel('http.client.request.created').hasSubscribers;
    assert.equal(isHooked(), false);
    try {
      process.env['NODE_ENV'] = 'production';
      using off = guardTransactions();
      assert.equal(off.mode, 'off');
      assert.equal(isHooked(), false);
      process.env['NODE_ENV'] = 'development';
      using on = guardTransactions();
      assert.equal(on.mode, 'throw');
      assert.equal(isHooked(), true);
    } finally {
      if (before === undefined) delete process.env['NODE_ENV'];
      else process.env['NODE_ENV'] = before;
    }
    assert.equal(isHooked(), false);
  });

  it('refuses a mode that there is not', () => {
    assert.throws(() => guardTransactions({ mode: 'warn' as never }), { code: 'HW-GUARD-002' });
  });

  it('warns of the process when nobody else is to be told', async () => {
    const warned = once(process, 'warning');
    using _ = guardTransactions({ mode: 'report' });
    await watchTransaction('place order', askBank);
    const [warning] = (await warned) as [Error & { readonly code?: string; readonly detail?: string }];
    assert.equal(warning.code, 'HW-GUARD-001');
    assert.match(warning.message, /in transaction "place order"$/);
    assert.match(warning.detail ?? '', /askBank/);
  });

  describe('takes the database for the database', () => {
    for (const [name, driven] of Object.entries(drivenLibraries)) {
      it(`with ${name}: its connections are not reported, a call beside them is`, async () => {
        await using library = await driven.open({ url: stage.url });
        const run = (call: () => Promise<unknown>): Promise<NetworkCall[]> =>
          reportedOf(() =>
            watchTransaction('own', async () => {
              // All of it inside: connecting and logging in, BEGIN, statements, COMMIT.
              await library.run(async (_tx, query) => {
                await query("insert into effects (text) values ('order')");
                await call();
                await query(`insert into effects (text) values ('${'x'.repeat(100_000)}')`);
              }, 'commit');
            }),
          );
        assert.deepEqual(await run(async () => undefined), []);
        const calls = await run(askBank);
        assert.deepEqual(
          calls.map(({ via }) => via),
          ['fetch'],
        );
        assert.equal((await stage.effects()).length, 4);
      });
    }
  });
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

async function openTcpServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).resume();
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (thrown) {
    return thrown;
  }
  throw new Error('it was not refused');
}
