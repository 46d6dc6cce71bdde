import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { toPublishedImports } from '../../scripts/packaging/published-imports.ts';
import { skipReason } from '../../scripts/services/testing.ts';
import { createEventDatabase, type EventDatabase } from '../../src/application/testing/event-database.ts';
import { testIdempotency } from '../../src/testing/idempotency-suite.ts';
import type { SignalPlan } from './testing/signal-at-statement.ts';

const examplePath = fileURLToPath(new URL('../../examples/idempotency.ts', import.meta.url));
const preload = new URL('testing/signal-at-statement.ts', import.meta.url).href;
const leaseMs = 300;
/** Part of the statements that keep an answer, and a step. */
const keepsAnswer = 'response_status = $6';
const keepsStep = 'jsonb_build_array';

test('the page on idempotency keys shows the example that is run here', async () => {
  const page = await readFile(new URL('../../docs/how-to/idempotency-keys.md', import.meta.url), 'utf8');
  const [shown] = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, source]) => source);
  assert.equal(shown, toPublishedImports(await readFile(examplePath, 'utf8'), 'headwater'));
});

/** A payment provider that honours keys. */
interface Provider extends AsyncDisposable {
  readonly url: string;
  /** Charges by key, and how often one was asked for. */
  readonly charges: Map<string, { readonly orderId: string; readonly chargeId: string }>;
}

async function startProvider(): Promise<Provider> {
  const charges: Provider['charges'] = new Map();
  const server = createServer((request, response) => {
    void (async () => {
      const key = String(request.headers['idempotency-key']);
      const { orderId } = JSON.parse(await text(request)) as { readonly orderId: string };
      const charge = charges.get(key) ?? { orderId, chargeId: `charge-${charges.size + 1}` };
      charges.set(key, charge);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(charge));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    charges,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The example in a process of its own. */
interface Shop extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  arm(plan: SignalPlan): Promise<void>;
}

interface ShopOptions {
  readonly databaseUrl: string;
  readonly providerUrl: string;
}

async function startShop(options: ShopOptions): Promise<Shop> {
  const env = {
    ...process.env,
    DATABASE_URL: options.databaseUrl,
    PROVIDER_URL: options.providerUrl,
    LEASE_MS: String(leaseMs),
    PORT: '0',
  };
  const child = spawn(process.execPath, ['--import', preload, examplePath], {
    env,
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  });
  const closed = once(child, 'close');
  assert.ok(child.stdout !== null);
  const [line = ''] = (await once(createInterface(child.stdout), 'line')) as readonly string[];
  const { port } = JSON.parse(line.slice(line.indexOf('{'))) as AddressInfo;
  return {
    child,
    url: `http://127.0.0.1:${port}`,
    async arm(plan) {
      const armed = once(child, 'message');
      child.send(plan);
      await armed;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

const skip = await skipReason('postgres18');
const paths = { place: '/orders', buy: '/purchases' } as const;

describe('the example of idempotency keys', { skip }, () => {
  let stage: EventDatabase;
  let provider: Provider;
  let survivor: Shop;
  let options: ShopOptions;
  before(async () => {
    stage = await createEventDatabase(18);
    await stage.database.query('drop table orders');
    await stage.database.query('create table orders (id bigserial primary key, article text not null, charge text)');
    await stage.database.query('create table stock (article text primary key, count integer not null)');
    const { username } = new URL(stage.applicationUrl);
    await stage.database.query(`grant select, insert, update on orders, stock to ${username}`);
    await stage.database.query(`grant usage on sequence orders_id_seq to ${username}`);
    provider = await startProvider();
    options = { databaseUrl: stage.applicationUrl, providerUrl: provider.url };
    survivor = await startShop(options);
  });
  after(async () => {
    await survivor[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });

  const stocked = async (article: string): Promise<void> => {
    await stage.database.query('insert into stock values ($1, 5)', [article]);
  };
  const send = (shop: Shop, path: string, article: string): Promise<Response> =>
    fetch(`${shop.url}${path}`, {
      method: 'POST',
      headers: { authorization: 'ann', 'content-type': 'application/json', 'idempotency-key': `"${article}"` },
      body: JSON.stringify({ article }),
    });
  /** As a client does: the same key, until there is an answer that is final. */
  const persist = async (path: string, article: string): Promise<Record<string, string>> => {
    for (;;) {
      const response = await send(survivor, path, article);
      if (response.status === 201) return (await response.json()) as Record<string, string>;
      assert.ok(response.status === 409 || response.status >= 500, `${response.status} ${await response.text()}`);
    }
  };
  /** One order, one piece of stock, the events, one charge, and answers that name them. */
  const assertConsistent = async (path: string, article: string, answer: Record<string, string>): Promise<void> => {
    const isBought = path === paths.buy;
    const orders = await stage.database.query('select id::text, charge from orders where article = $1', [article]);
    assert.deepEqual(orders, [{ id: answer['orderId'], charge: answer['chargeId'] ?? null }]);
    assert.deepEqual(await stage.database.query('select count from stock where article = $1', [article]), [
      { count: 4 },
    ]);
    const types = (await stage.readEvents()).filter(({ key }) => key === answer['orderId']).map(({ type }) => type);
    assert.deepEqual(types, isBought ? ['order.placed', 'order.paid'] : ['order.placed']);
    const charges = [...provider.charges.values()].filter(({ orderId }) => orderId === answer['orderId']);
    assert.deepEqual(
      charges.map(({ chargeId }) => chargeId),
      isBought ? [answer['chargeId']] : [],
    );
    const replay = await send(survivor, path, article);
    assert.equal(replay.headers.get('idempotent-replayed'), 'true');
    assert.deepEqual(await replay.json(), answer);
  };

  for (const [name, path] of Object.entries(paths)) {
    for (const when of ['before', 'sent'] as const) {
      test(`killed at each statement of "${name}" (${when}), order, stock, event, charge and reply are consistent`, async () => {
        let kills = 0;
        for (let statement = 1; ; statement += 1) {
          const article = `${name}-${when}-${statement}`;
          await stocked(article);
          await using shop = await startShop(options);
          await shop.arm({ signal: 'SIGKILL', statement, when });
          const first = await send(shop, path, article).catch(() => undefined);
          if (first === undefined) kills += 1;
          else assert.equal(first.status, 201);
          await assertConsistent(path, article, await persist(path, article));
          if (first !== undefined) break;
        }
        assert.ok(kills >= (name === 'place' ? 7 : 14), `${kills} kills`);
      });
    }
  }

  test('a holder that is stopped by SIGSTOP before its commit and goes on later has no effect, and gives the answer of the other', async () => {
    const article = 'stopped';
    await stocked(article);
    await using shop = await startShop(options);
    await shop.arm({ signal: 'SIGSTOP', statement: 1, text: keepsAnswer, when: 'before' });
    const late = send(shop, paths.place, article);
    const answer = await persist(paths.place, article);
    shop.child.kill('SIGCONT');
    const response = await late;
    assert.equal(response.status, 201);
    assert.deepEqual(await response.json(), answer);
    await assertConsistent(paths.place, article, answer);
  });

  test('an operation whose client never comes back is finished by another process', async () => {
    const article = 'abandoned';
    await stocked(article);
    await using shop = await startShop(options);
    await shop.arm({ signal: 'SIGKILL', statement: 2, text: keepsStep, when: 'before' });
    await assert.rejects(send(shop, paths.buy, article));
    const isFinished = async (): Promise<boolean> => {
      const rows = await stage.database.query(
        `select 1 from headwater.idempotency_key where key = $1 and finished_at is not null`,
        [article],
      );
      return rows.length === 1;
    };
    while (!(await isFinished()));
    const replay = await send(survivor, paths.buy, article);
    assert.equal(replay.headers.get('idempotent-replayed'), 'true');
    await assertConsistent(paths.buy, article, (await replay.json()) as Record<string, string>);
  });
});

testIdempotency({
  name: 'the example, killed and started again',
  skip,
  tests: ['missing-key', 'replay', 'at-once', 'other-principal', 'invalid-request', 'kill'],
  async open() {
    const stage = await createEventDatabase(18);
    await stage.database.query('drop table orders');
    await stage.database.query('create table orders (id bigserial primary key, article text not null, charge text)');
    await stage.database.query(
      `create table stock as select 'wish-' || n as article, 100 as count from generate_series(1, 2) n`,
    );
    const { username } = new URL(stage.applicationUrl);
    await stage.database.query(`grant select, insert, update on orders, stock to ${username}`);
    await stage.database.query(`grant usage on sequence orders_id_seq to ${username}`);
    const options = { databaseUrl: stage.applicationUrl, providerUrl: '' };
    let shop = await startShop(options);
    const request = (article: string | undefined): Request =>
      new Request(`${shop.url}/orders`, {
        method: 'POST',
        headers: { authorization: 'ann', 'content-type': 'application/json' },
        body: JSON.stringify({ article }),
      });
    return {
      request: (wish) => request(`wish-${wish}`),
      invalidRequest: () => request(undefined),
      asOther(asked) {
        asked.headers.set('authorization', 'bob');
        return asked;
      },
      async countEffects() {
        const [row] = await stage.database.query<{ count: number }>('select count(*)::int as count from orders');
        return row?.count ?? 0;
      },
      killNext() {
        const armed = shop.arm({ signal: 'SIGKILL', statement: 1, text: keepsAnswer, when: 'before' });
        return async () => {
          await armed;
          await once(shop.child, 'close');
          shop = await startShop(options);
        };
      },
      async [Symbol.asyncDispose]() {
        await shop[Symbol.asyncDispose]();
        await stage[Symbol.asyncDispose]();
      },
    };
  },
});
