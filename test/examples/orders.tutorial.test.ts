import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { skipReason } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { createEventDatabase, type EventDatabase } from '../../src/application/testing/event-database.ts';
import { StatementProxy, type StatementPlace } from './testing/statement-proxy.ts';

/* The small order service of the page "Replace your dual write", once for each library: killed at each of its statements. */

const libraries = ['pg', 'postgres-js', 'drizzle', 'kysely', 'knex', 'typeorm', 'sequelize', 'mikro-orm', 'prisma'];
const stocked = 1000;
const quantity = 2;

/** One order service in a process of its own. */
interface Service extends AsyncDisposable {
  readonly child: ChildProcess;
  order(id: string): Promise<number | undefined>;
}

async function startService(file: string, environment: Readonly<Record<string, string>>): Promise<Service> {
  const path = fileURLToPath(new URL(`../../examples/orders/${file}.ts`, import.meta.url));
  const child = spawn(process.execPath, [path], {
    env: { ...process.env, ...environment, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const [line = ''] = (await once(createInterface(child.stdout), 'line')) as readonly string[];
  const { port } = JSON.parse(line.slice(line.indexOf('{'))) as AddressInfo;
  return {
    child,
    async order(id) {
      const body = JSON.stringify({ id, article: 'pen', quantity });
      const sent = fetch(`http://127.0.0.1:${port}/orders`, { method: 'POST', body });
      return await sent.then(
        (response) => response.status,
        () => undefined,
      );
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** What the stores say once nobody is connected any more. */
interface Facts {
  readonly ordered: readonly string[];
  readonly announced: readonly string[];
  readonly taken: number;
}

interface OrderOutcome {
  readonly status: number | undefined;
  /** Statements that an order took. */
  readonly count: number;
  readonly facts: Facts;
}

const skip = await skipReason('postgres18');

describe('the order service', { skip }, () => {
  let stage: EventDatabase;
  let proxy: StatementProxy;
  let broker: ReturnType<typeof createServer>;
  let published: string[];
  let environment: Readonly<Record<string, string>>;

  before(async () => {
    stage = await createEventDatabase(18);
    const { database, applicationUrl } = stage;
    await database.query('drop table orders');
    await database.query('create table stock (article text primary key, available integer not null)');
    await database.query('create table orders (id text primary key, article text not null, quantity integer not null)');
    await database.query(`grant select, insert, update on stock, orders to ${new URL(applicationUrl).username}`);
    proxy = await StatementProxy.start(new URL(database.url));
    published = [];
    broker = createServer((request, response) => {
      void takeMessage(request).finally(() => response.end());
    });
    broker.listen(0, '127.0.0.1');
    await once(broker, 'listening');
    environment = {
      DATABASE_URL: proxy.reroute(applicationUrl),
      BROKER_URL: `http://127.0.0.1:${(broker.address() as AddressInfo).port}`,
    };
  });
  after(async () => {
    broker.closeAllConnections();
    broker.close();
    await proxy[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
  });

  async function takeMessage(request: IncomingMessage): Promise<void> {
    const { payload } = (await json(request)) as { readonly payload: { readonly id: string } };
    published.push(payload.id);
  }

  async function beginAnew(): Promise<void> {
    await stage.database.query('truncate stock, orders');
    await stage.database.query(`insert into stock values ('pen', ${stocked})`);
    await stage.readEvents();
    published.length = 0;
  }

  async function readFacts(): Promise<Facts> {
    const role = new URL(stage.applicationUrl).username;
    await waitUntil('nobody is connected', async () => {
      const sessions = await stage.database.query('select from pg_stat_activity where usename = $1', [role]);
      return sessions.length === 0;
    });
    const orders = await stage.database.query<{ id: string }>('select id from orders order by id');
    const [stock] = await stage.database.query<{ available: number }>('select available from stock');
    const events = (await stage.readEvents()).map(({ key }) => String(key));
    return {
      ordered: orders.map(({ id }) => id),
      announced: [...events, ...published].toSorted(),
      taken: stocked - (stock?.available ?? 0),
    };
  }

  /** One order in a new process that is killed at a statement; 0: not at all. Gives the status, if one came, and the facts. */
  async function orderOnce(file: string, id: string, statement: number, place: StatementPlace): Promise<OrderOutcome> {
    await beginAnew();
    await using service = await startService(file, environment);
    proxy.arm({ statement, place, spring: () => void service.child.kill('SIGKILL') });
    const status = await service.order(id);
    const { count } = proxy;
    proxy.arm(undefined);
    await service[Symbol.asyncDispose]();
    return { status, count, facts: await readFacts() };
  }

  for (const library of libraries) {
    it(`with ${library} has order, event and stock together or not at all, killed at any of its statements`, async () => {
      const whole = await orderOnce(library, 'whole', 0, 'before');
      assert.equal(whole.status, 201);
      assert.deepEqual(whole.facts, { ordered: ['whole'], announced: ['whole'], taken: quantity });
      assert.ok(whole.count >= 4, `${whole.count} statements`);
      const outcomes = new Set<number>();
      for (let statement = 1; statement <= whole.count; statement += 1) {
        for (const place of ['before', 'behind'] as const) {
          const { facts, status } = await orderOnce(library, 'one', statement, place);
          const at = `${place} statement ${statement} of ${whole.count}`;
          assert.deepEqual(facts.announced, facts.ordered, at);
          assert.equal(facts.taken, facts.ordered.length * quantity, at);
          if (status === 201) assert.deepEqual(facts.ordered, ['one'], `${at}: what was answered is there`);
          outcomes.add(facts.ordered.length);
        }
      }
      assert.deepEqual([...outcomes].toSorted(), [0, 1], 'kills fell in front of the commit and behind it');
    });
  }

  it('that publishes behind its commit loses events in the same test: it can fail', async () => {
    const whole = await orderOnce('pg.naive', 'whole', 0, 'before');
    assert.deepEqual(whole.facts, { ordered: ['whole'], announced: ['whole'], taken: quantity });
    const { facts } = await orderOnce('pg.naive', 'one', whole.count, 'behind');
    assert.deepEqual(facts, { ordered: ['one'], announced: [], taken: quantity });
  });

  it('refuses what is sold out, and nothing of it stays', async () => {
    for (const library of libraries) {
      await beginAnew();
      await stage.database.query('update stock set available = 1');
      await using service = await startService(library, environment);
      assert.equal(await service.order('one'), 409, library);
      await service[Symbol.asyncDispose]();
      const facts = await readFacts();
      assert.deepEqual([facts.ordered, facts.announced, facts.taken], [[], [], stocked - 1], library);
    }
  });
});
