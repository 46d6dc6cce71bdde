import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import {
  createTestDatabase,
  postgresUrl,
  skipReason,
  startPrivatePostgres,
  type TestDatabase,
} from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import type { SinkHarness } from '../../../testing/sink-harness.ts';
import { testSink } from '../../../testing/sink-suite.ts';
import { FaultProxy, holdsText } from '../../../testing/fault-proxy.ts';
import { killChild } from '../../../testing/kill-child.ts';
import { sequenceZero, toSequence } from '../../../model/position.ts';
import { checkpointBehind } from '../../checkpoint.ts';
import { toOutboundRecord } from '../../outbound-record.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { postgresSink } from './postgres-sink.ts';
import { logRecord, mappedLog } from './testing/log-child.ts';

const childModule = fileURLToPath(new URL('./testing/log-child.ts', import.meta.url));
const makeLog = 'create table public.log (place bigserial primary key, key text, number text, padding text)';
/** As the wire has them: the text of the query, and the command tag of its reply. */
const commitRequest = holdsText('commit\0');
const commitReply = holdsText('COMMIT\0');

/** The same, with rows that come there by a map. */
const makeEntries = `create table public.entries (place bigserial primary key, entry_key text, entry_number text, filler text, origin text)`;

async function openHarness(
  database: TestDatabase,
  serverUrl: string,
  form: 'mirror' | 'map' = 'mirror',
): Promise<SinkHarness & { readonly targetUrl: string }> {
  const { hostname, port } = new URL(serverUrl);
  const proxy = await FaultProxy.start({ host: hostname, port: Number(port) });
  const isMapped = form === 'map';
  await database.query(isMapped ? makeEntries : makeLog);
  const ownUrl = await database.grantRole('sink', { targetTables: [isMapped ? 'public.entries' : 'public.log'] });
  const url = proxy.reroute(ownUrl);
  const wrongUrl = new URL(ownUrl);
  wrongUrl.password = 'wrong';
  let killCount = 0;
  return {
    sink: postgresSink({ url, target: 'log', statementTimeoutMs: 2000, ...(isMapped ? { tables: mappedLog } : {}) }),
    proxy,
    targetUrl: url,
    record: logRecord,
    stored: async () => {
      const rows = await database.query<{ key: string; number: string }>(
        isMapped
          ? `select entry_key as key, substr(entry_number, 2) as number from public.entries where origin = 'log' order by place`
          : 'select key, number from public.log order by place',
      );
      return rows.map(({ key, number }) => ({ key, number: Number(number) }));
    },
    loseReply: () => proxy.loseReply({ request: commitRequest, reply: commitReply }),
    cutBeforeEffect: () => proxy.cutBefore(commitRequest),
    async deliverUntilKilled() {
      killCount += 1;
      // First with the rows written and the commit not; then with the commit done and nobody told.
      await killChild(childModule, isMapped ? `map:${url}` : url, () =>
        killCount === 1
          ? proxy.holdBefore(commitRequest, 1)
          : proxy.loseReply({ request: commitRequest, reply: commitReply }),
      );
      proxy.cut();
      proxy.release();
    },
    withWrongLogin: { sink: postgresSink({ url: wrongUrl.href, target: 'log' }), code: 'HW-SINK-002' },
    withMissingPlace: {
      sink: postgresSink({ url, target: 'other', create: 'never', tables: { 'public.log': 'elsewhere.log' } }),
      code: 'HW-SINK-006',
      async create() {
        await database.query('create schema elsewhere');
        await database.query('alter table public.log set schema elsewhere');
        await database.query(`create view public.log as select * from elsewhere.log`);
        await database.grantRole('sink', { targetTables: ['elsewhere.log'] });
      },
    },
    oversized: { size: 257 * 1024 * 1024, code: 'HW-SINK-005' },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

for (const major of [15, 18] as const) {
  testSink({
    name: `postgres, version ${major}`,
    skip: await skipReason(`postgres${major}`),
    effects: 'once',
    tests: [
      'order',
      'stop',
      'held-path',
      'cut-path',
      'lost-reply',
      'kill',
      'oversized',
      'wrong-login',
      'missing-place',
    ],
    open: async () => openHarness(await createTestDatabase({ major }), await postgresUrl(major)),
  });
}

testSink({
  name: 'postgres, into a differing table by a map',
  skip: await skipReason('postgres18'),
  effects: 'once',
  tests: ['order', 'stop', 'held-path', 'cut-path', 'lost-reply', 'kill', 'oversized', 'wrong-login'],
  open: async () => openHarness(await createTestDatabase({ major: 18 }), await postgresUrl(18), 'map'),
});

testSink({
  name: 'postgres on a server of its own',
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

testSink({
  name: 'postgres, through a client that a pool lends',
  skip: await skipReason('postgres18'),
  effects: 'once',
  tests: ['order', 'stop', 'held-path', 'cut-path', 'lost-reply'],
  async open() {
    const harness = await openHarness(await createTestDatabase({ major: 18 }), await postgresUrl(18));
    const pool = new pg.Pool({ connectionString: harness.targetUrl, max: 2 });
    pool.on('error', () => undefined);
    return {
      ...harness,
      sink: postgresSink({ pool, target: 'log', statementTimeoutMs: 2000 }),
      async [Symbol.asyncDispose]() {
        await pool.end();
        await harness[Symbol.asyncDispose]();
      },
    };
  },
});

describe('a write of the postgres sink', { skip: await skipReason('postgres18') }, () => {
  test('is given up in time although its bytes cannot leave', async () => {
    await using harness = await openHarness(await createTestDatabase({ major: 18 }), await postgresUrl(18));
    await using stage = new LaneStage();
    await using sink = await harness.sink.open(stage.sinkContext());
    const from = checkpointBehind(stage.journal.journalId, sequenceZero);
    const write = (number: number, size: number, signal: AbortSignal): Promise<void> => {
      const record = logRecord({ key: 'a', number, size });
      const header = stage.journal.header(stage.journal.append([record]));
      const outbound = toOutboundRecord({ ...record, ordinal: 0 }, header, {});
      const to = (sequence: bigint): typeof from => ({ ...from, sequence: toSequence(sequence) });
      const records = outbound === undefined ? [] : [outbound];
      return sink.write(
        { records, from: to(header.sequence - 1n), to: to(header.sequence), endsTransaction: true },
        signal,
      );
    };
    const abort = new AbortController();
    await write(0, 1, abort.signal);
    harness.proxy?.hold();
    // More than the sockets between here and there take.
    const written = assert.rejects(write(1, 64 * 1024 * 1024, abort.signal), /enough/);
    await new Promise(setImmediate);
    abort.abort(new Error('enough'));
    let isOver = false;
    void written.finally(() => {
      isOver = true;
    });
    await waitUntil('the write has ended', () => isOver, 5000);
    await written;
    harness.proxy?.cut();
    assert.deepEqual(await harness.stored(), [{ key: 'a', number: 0 }]);
  });
});
