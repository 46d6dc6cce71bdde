import { fileURLToPath } from 'node:url';
import pg from 'pg';
import {
  createTestDatabase,
  postgresUrl,
  skipReason,
  startPrivatePostgres,
  type TestDatabase,
} from '../../../../scripts/services/testing.ts';
import type { SinkHarness } from '../../../testing/sink-harness.ts';
import { testSink } from '../../../testing/sink-suite.ts';
import { FaultProxy, holdsText } from '../../../testing/fault-proxy.ts';
import { killChild } from '../../../testing/kill-child.ts';
import { effectHandler, effectRecord } from './testing/effects-child.ts';

const childModule = fileURLToPath(new URL('./testing/effects-child.ts', import.meta.url));
const commitRequest = holdsText('commit\0');
const commitReply = holdsText('COMMIT\0');

async function openHarness(database: TestDatabase, serverUrl: string): Promise<SinkHarness> {
  const { hostname, port } = new URL(serverUrl);
  const proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
  await database.query('create table effects (place bigserial primary key, id text)');
  const url = await database.grantRole('sink', { targetTables: ['effects'] });
  const pool = new pg.Pool({ connectionString: proxy.reroute(url) });
  // A client that is taken out has no listener of the pool's; without one, a lost connection ends the program.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('error', () => undefined);
  const places = ['a-5', 'c-20'];
  return {
    sink: effectHandler(pool, () => Promise.resolve()),
    proxy,
    record: effectRecord,
    stored: async () => {
      const rows = await database.query<{ id: string }>('select id from effects order by place');
      return rows.map(({ id }) => ({ key: id.slice(0, 1), number: Number(id.slice(2)) }));
    },
    loseReply: () => proxy.loseReply({ request: commitRequest, reply: commitReply }),
    cutBeforeEffect: () => proxy.cutBefore(commitRequest),
    async deliverUntilKilled() {
      const id = places.shift() ?? '';
      await killChild(childModule, `${url} ${id}`, (printed) => printed(`durable ${id}\n`));
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await pool.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

testSink({
  name: 'handler, with its effect and context.once in one transaction',
  skip: await skipReason('postgres18'),
  effects: 'once',
  tests: ['order', 'stop', 'held-path', 'cut-path', 'lost-reply', 'kill', 'parked'],
  open: async () => openHarness(await createTestDatabase({ major: 18 }), await postgresUrl(18)),
});

testSink({
  name: 'handler, whose database is a server of its own',
  skip: await skipReason('privatePostgres18'),
  effects: 'once',
  tests: ['restart'],
  async open() {
    const server = await startPrivatePostgres({ major: 18 });
    const harness = await openHarness(await createTestDatabase({ server }), server.url);
    return {
      ...harness,
      async restartServer() {
        await server.kill();
        await server.restart();
      },
      async [Symbol.asyncDispose]() {
        await harness[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  },
});
