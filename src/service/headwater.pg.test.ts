import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { z } from 'zod';

import { createTestDatabase, skipReason, type TestDatabase } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { emit } from '../application/emit/emit.ts';
import { defineEvents } from '../application/emit/events.ts';
import { handlerSink } from '../delivery/sinks/handler/handler-sink.ts';
import type { LogFields, Logger } from '../foundation/logger.ts';
import { parseLsn } from '../model/lsn.ts';
import { applyMigrations } from '../postgres/database-objects.ts';
import type { HeadwaterConfig } from './config-types.ts';
import { startHeadwater, type Headwater } from './headwater.ts';

const catalogue = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) });

interface RecordingLogger extends Logger {
  readonly lines: string[];
}

function createRecordingLogger(): RecordingLogger {
  const lines: string[] = [];
  const write = (event: string, fields?: LogFields): void => {
    lines.push(
      `${event} ${JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
    );
  };
  return { lines, debug: write, info: write, warn: write, error: write };
}

const skip = await skipReason('postgres18');

describe('a running Headwater', { skip }, () => {
  let scratch: string;
  let database: TestDatabase;
  let captureUrl: string;
  let applicationUrl: string;
  let seen: string[];
  let logger: RecordingLogger;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'headwater-service-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));
  beforeEach(async () => {
    database = await createTestDatabase({ major: 18 });
    await database.query('create table orders (id text primary key)');
    await applyMigrations((text) => database.query(text));
    await database.query('create publication headwater for table orders, headwater.outbox');
    captureUrl = await database.grantRole('capture', { copiedTables: ['public.orders'] });
    applicationUrl = await database.grantRole('application');
    await database.query(`grant insert on orders to ${new URL(applicationUrl).username}`);
    seen = [];
    logger = createRecordingLogger();
  });
  afterEach(() => database[Symbol.asyncDispose]());

  function configure(more: Partial<HeadwaterConfig> = {}, url = captureUrl): HeadwaterConfig {
    return {
      source: { url, slot: database.name, tables: ['orders', 'headwater.outbox'], ...more.source },
      journal: { directory: join(scratch, database.name) },
      http: { port: 0 },
      logger,
      lanes: {
        seen: {
          sink: handlerSink({
            name: 'seen',
            handle(record) {
              seen.push(
                record.kind === 'event' ? `event ${record.event.key}` : `${record.kind} ${describeRow(record)}`,
              );
            },
          }),
        },
      },
      ...(more.lanes === undefined ? {} : { lanes: more.lanes }),
    };
  }

  async function place(
    orderId: string,
    mode: 'message' | 'outbox',
    end: 'commit' | 'rollback' = 'commit',
  ): Promise<void> {
    const client = await database.connect(applicationUrl);
    await client.query('begin');
    await client.query('insert into orders values ($1)', [orderId]);
    await emit(client, catalogue['order.placed'], { orderId }, { key: orderId, mode });
    await client.query(end);
    await client.end();
  }

  it('brings rows and events of a commit to a handler, in order, and nothing of a rollback', async () => {
    await using headwater = await startHeadwater(configure());
    await place('a', 'message');
    await place('b', 'outbox', 'rollback');
    await place('c', 'outbox');
    await waitUntil('four records', () => seen.length >= 4);
    await headwater.drain();
    assert.deepEqual(seen, ['insert a', 'event a', 'insert c', 'event c']);
  });

  it('goes on where it was after a stop, with what was committed meanwhile', async () => {
    {
      await using headwater = await startHeadwater(configure());
      await place('a', 'message');
      await waitUntil('the first commit', () => seen.length === 2);
      await headwater.drain();
    }
    await place('b', 'message');
    await using headwater = await startHeadwater(configure());
    await waitUntil('the second commit', () => seen.length >= 4);
    await headwater.drain();
    assert.deepEqual(seen, ['insert a', 'event a', 'insert b', 'event b']);
  });

  it('catches up with what was committed before the call, also when nobody publishes it', async () => {
    await place('early', 'message');
    await database.query('create table unpublished (id integer)');
    await using headwater = await startHeadwater(configure());
    for (let number = 0; number < 20; number += 1) {
      await place(`n${number}`, number % 2 === 0 ? 'message' : 'outbox');
      await headwater.catchUp();
      assert.equal(seen.at(-1), `event n${number}`);
    }
    await database.query('insert into unpublished values (1)');
    await headwater.catchUp();
    const cancel = new AbortController();
    cancel.abort(new Error('enough'));
    await assert.rejects(headwater.catchUp(cancel.signal), /enough/);
    await headwater.stop();
    await assert.rejects(headwater.catchUp(), { code: 'HW-INTERNAL-003' });
  });

  it('refuses a second start on the same journal by name', async () => {
    await using _ = await startHeadwater(configure());
    await assert.rejects(startHeadwater(configure()), { code: 'HW-JOURNAL-001' });
  });

  it('confirms to the slot, and loses no connection, while a handler blocks the main thread', async () => {
    await database.query(`alter database ${database.name} set wal_sender_timeout = '2s'`);
    await using headwater = await startHeadwater({ ...configure(), lanes: {} });
    const before = await confirmedLsn();
    await place('a', 'message');
    const since = performance.now();
    block(5000);
    assert.ok(performance.now() - since >= 5000);
    assert.ok((await confirmedLsn()) > before);
    assert.equal((await headwater.status()).source.reconnectCount, 0);
  });

  it('cleans an adopted outbox only of rows whose events are in the journal, and counts its own deletes', async () => {
    await database.query(`create table outbox (id uuid primary key, event_type text not null, payload jsonb not null,
      created_at timestamp default now(), published boolean default false)`);
    await database.query('alter publication headwater add table outbox');
    await database.grantRole('capture', { adoptedOutboxes: [{ table: 'outbox', cleanUp: 'delete' }] });
    const config = configure();
    await using headwater = await startHeadwater({
      ...config,
      source: { ...config.source, tables: ['outbox'], adoptedOutboxes: [{ table: 'outbox', cleanUp: 'delete' }] },
    });
    await database.query(`insert into outbox (id, event_type, payload)
      select gen_random_uuid(), 'OrderCreated', jsonb_build_object('n', n) from generate_series(1, 20) n`);
    await waitUntil('an empty table', async () => (await countRows('outbox')) === 0);
    await waitUntil('the deletes to come back', async () => (await laneOf(headwater, 'seen')).sequence !== '1');
    await headwater.drain();
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, () => 'event null'),
    );
  });

  it('shows a secret nowhere: not in logs, errors, metrics, status or the journal’s file names', async () => {
    const secret = 'hunter2-planted-secret';
    const role = new URL(captureUrl).username;
    await database.query(`alter role ${role} password '${secret}'`);
    const url = database.urlFor(role, secret);
    const shown: string[] = [];
    {
      await using headwater = await startHeadwater(configure({}, url));
      await place('a', 'message');
      await waitUntil('the commit', () => seen.length === 2);
      shown.push(JSON.stringify(await headwater.status()));
      for (const path of ['/status', '/metrics', '/readyz']) {
        shown.push(await (await fetch(new URL(path, headwater.httpUrl))).text());
      }
    }
    const wrong = configure({}, database.urlFor('nobody', secret));
    await startHeadwater(wrong).catch((error: unknown) => {
      shown.push(JSON.stringify(error), String(error), error instanceof Error ? String(error.stack) : '');
    });
    const directory = join(scratch, database.name);
    for (const name of await readdir(directory, { recursive: true })) {
      const path = join(directory, name);
      shown.push(name);
      if ((await stat(path)).isFile()) shown.push(await readFile(path, 'latin1'));
    }
    assert.ok(shown.length > 8);
    for (const text of [...shown, ...logger.lines]) assert.ok(!text.includes(secret), text.slice(0, 300));
  });

  it('keeps the journal for its owner alone', async () => {
    await using _ = await startHeadwater(configure());
    assert.equal((await stat(join(scratch, database.name))).mode & 0o777, 0o700);
  });

  it('calls no copy complete of a table that held rows before', async () => {
    await database.query(`insert into orders select 'old' || n from generate_series(1, 50) n`);
    await database.query('analyze orders');
    await using headwater = await startHeadwater(configure({ source: { url: captureUrl, snapshot: false } }));
    const report = await headwater.status();
    assert.deepEqual(report.source.incompleteTables, [
      { table: 'public.orders', rowEstimate: 50, reason: 'held-rows-at-start', lanes: null },
    ]);
    assert.equal((await laneOf(headwater, 'seen')).complete, false);
  });

  it('ends a cancelled start with the reason of the cancel, and leaves the journal to the next one', async () => {
    const cancel = new AbortController();
    const reason = new Error('enough');
    const starting = startHeadwater(configure({}, 'postgres://nobody@127.0.0.1:1/nowhere'), { signal: cancel.signal });
    await waitUntil('a first attempt', () => logger.lines.some((line) => line.startsWith('source connection lost')));
    cancel.abort(reason);
    await assert.rejects(starting, (thrown) => thrown === reason);
    await using headwater = await startHeadwater(configure());
    assert.equal((await headwater.status()).state, 'running');
  });

  it('stops lanes in front of a message that is no event, and says where it stands', async () => {
    await using headwater = await startHeadwater(configure());
    await place('a', 'message');
    await waitUntil('the first commit', () => seen.length === 2);
    await database.query(`select pg_logical_emit_message(true, 'headwater:1', 'not an envelope')`);
    await place('b', 'message');
    await waitUntil('the refusal', async () => (await laneOf(headwater, 'seen')).state === 'failed');
    const { error } = await laneOf(headwater, 'seen');
    assert.match(error?.message ?? '', /in sequence 2, xid \d+, committed at [0-9A-F]+\/[0-9A-F]+/);
    assert.deepEqual(seen, ['insert a', 'event a']);
  });

  it('holds capture at the journal’s limit, says who is behind, and goes on without loss', async () => {
    const config = configure();
    await using headwater = await startHeadwater({
      ...config,
      journal: { ...config.journal, segmentBytes: 65_536, maxBytes: 1_048_576, minimumAgeMs: 0 },
    });
    await headwater.lane('seen').pause();
    for (let batch = 0; batch < 40; batch += 1) {
      await database.query(
        `insert into orders select '${batch}-' || n || repeat('x', 400) from generate_series(1, 100) n`,
      );
    }
    await waitUntil('the hold', async () => (await headwater.status()).source.error?.code === 'HW-JOURNAL-013', 30_000);
    assert.match((await headwater.status()).source.error?.message ?? '', /held by: seen/);
    await place('while held', 'message');
    await headwater.lane('seen').resume();
    await waitUntil('all records', () => seen.length >= 4002, 60_000);
    assert.deepEqual([new Set(seen).size, seen.at(-1)], [4002, 'event while held']);
    assert.equal((await headwater.status()).source.error, null);
  });

  async function confirmedLsn(): Promise<bigint> {
    const rows = await database.query<{ lsn: string }>(
      'select confirmed_flush_lsn as lsn from pg_replication_slots where slot_name = $1',
      [database.name],
    );
    return parseLsn(rows[0]?.lsn ?? '');
  }

  async function countRows(table: string): Promise<number> {
    return (await database.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n ?? -1;
  }
});

async function laneOf(headwater: Headwater, name: string) {
  const lane = (await headwater.status()).lanes.find((candidate) => candidate.name === name);
  return lane ?? assert.fail(`no lane ${name}`);
}

function describeRow(record: { readonly kind: string; readonly after?: readonly unknown[] }): string {
  const [value] = record.after ?? [];
  return typeof value === 'string' ? value : inspect(value);
}

/** Nothing of this thread runs for so long. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
