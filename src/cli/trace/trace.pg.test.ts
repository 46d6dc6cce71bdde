import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

import { z } from 'zod';

import { createTestDatabase, skipReason, type TestDatabase } from '../../../scripts/services/testing.ts';
import { waitUntil } from '../../../scripts/services/wait-until.ts';
import { emit } from '../../application/emit/emit.ts';
import { defineEvents } from '../../application/emit/events.ts';
import { applyMigrations } from '../../postgres/database-objects.ts';
import type { HeadwaterConfig } from '../../service/config-types.ts';
import { startHeadwater } from '../../service/headwater.ts';
import type { TraceLeg } from '../../service/trace-leg.ts';

const catalogue = defineEvents({ 'order.placed': z.object({ orderId: z.string() }) });
const skip = await skipReason('postgres18');

interface TraceJson {
  readonly count: number;
  readonly records: readonly {
    readonly id: string;
    readonly sequence: string;
    readonly commitAt: string;
    readonly lanes: readonly TraceLeg[];
  }[];
}

describe('headwater trace', { skip }, () => {
  let scratch: string;
  let database: TestDatabase;
  let config: HeadwaterConfig;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'headwater-trace-test-'));
    database = await createTestDatabase({ major: 18 });
    await database.query('create table orders (id text primary key)');
    await applyMigrations((statement) => database.query(statement));
    const handler = new URL('../../delivery/sinks/handler/handler-sink.ts', import.meta.url).href;
    const file = join(scratch, 'headwater.config.mjs');
    await writeFile(
      file,
      `import { handlerSink } from '${handler}';
       const sink = (name, handle = () => undefined) => handlerSink({ name, handle });
       export default {
         source: { url: '${database.url}', slot: '${database.name}', tables: ['orders', 'headwater.outbox'] },
         journal: { directory: '${join(scratch, 'journal')}' },
         http: { port: 0 },
         lanes: {
           all: { sink: sink('all') },
           rows: { sink: sink('rows'), filter: (record) => record.kind !== 'event' },
           events: { sink: handlerSink({ name: 'events', handleEvent: () => undefined }) },
           picky: {
             sink: sink('picky'),
             filter: ({ kind, event }) => kind === 'event' && event.key === 'order-9',
             map: ({ event }) => { if (Buffer.from(event.payload).includes('bad')) throw new Error('on purpose'); },
           },
           stuck: { sink: sink('stuck', (record, context) => context.key === 'order-2' && context.stopLane('on purpose')) },
         },
       };`,
    );
    const module = (await import(pathToFileURL(file).href)) as { readonly default: HeadwaterConfig };
    config = module.default;
  });
  after(async () => {
    await database[Symbol.asyncDispose]();
    await rm(scratch, { recursive: true, force: true });
  });

  async function trace(...words: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts'), 'trace', ...words], {
      cwd: scratch,
    });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code, stdout, stderr };
  }

  async function traceJson(...words: readonly string[]): Promise<TraceJson> {
    const { code, stderr, stdout } = await trace('--json', ...words);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as TraceJson;
  }

  async function place(orderId: string, key = orderId): Promise<void> {
    const client = await database.connect();
    await client.query('begin');
    await client.query('insert into orders values ($1)', [orderId]);
    await emit(client, catalogue['order.placed'], { orderId }, { key });
    await client.query('commit');
  }

  function outcomes(json: TraceJson): Readonly<Record<string, string>> {
    return Object.fromEntries((json.records[0]?.lanes ?? []).map(({ lane, outcome }) => [lane, outcome]));
  }

  it('follows an event and a row from commit to every sink, beside the running Headwater and after it', async () => {
    let url: string;
    let id: string;
    {
      await using headwater = await startHeadwater(config);
      url = headwater.httpUrl ?? '';
      await place('order-1');
      await headwater.drain();
      await place('order-2');
      const isDone = (name: string): boolean => headwater.lane(name).status().lag.transactionCount === 0n;
      await waitUntil('three lanes are done and one has failed', () => {
        const { condition } = headwater.lane('stuck').status();
        return ['all', 'rows', 'events'].every(isDone) && condition === 'failed';
      });
      const first = await traceJson('order-1', '--url', url);
      assert.deepEqual(outcomes(first), {
        all: 'acknowledged',
        rows: 'left-out',
        events: 'acknowledged',
        picky: 'left-out',
        stuck: 'acknowledged',
      });
      id = first.records[0]?.id ?? '';
      assert.deepEqual((await traceJson(id, '--url', url)).records, first.records, 'by its id as by its key');

      const second = await traceJson('order-2', '--url', url);
      assert.deepEqual(outcomes(second), {
        all: 'acknowledged',
        rows: 'left-out',
        events: 'acknowledged',
        picky: 'left-out',
        stuck: 'waiting',
      });
      const stuck = second.records[0]?.lanes.find(({ lane }) => lane === 'stuck');
      assert.equal(stuck?.error?.code, 'HW-SINK-052');
      assert.equal(stuck?.laneState, 'failed');

      const row = await traceJson('public.orders|["order-1"]', '--url', url);
      assert.deepEqual(outcomes(row), {
        all: 'acknowledged',
        rows: 'acknowledged',
        events: 'left-out',
        picky: 'left-out',
        stuck: 'acknowledged',
      });
      assert.equal(row.records[0]?.sequence, first.records[0]?.sequence, 'of one commit');

      const silent = await trace(id, '--json', '--url', 'http://127.0.0.1:1');
      assert.deepEqual(new Set(Object.values(outcomes(JSON.parse(silent.stdout) as TraceJson))), new Set(['unknown']));
      assert.match(silent.stderr, /does not answer/);

      const people = await trace('order-2', '--url', url);
      assert.match(people.stdout, /^ {2}stuck +waiting +next in line .*lane failed/m);
      assert.match(people.stdout, /HW-SINK-052/);
    }
    const files = await readdir(join(scratch, 'journal'));
    const left = await traceJson('order-2');
    assert.deepEqual(outcomes(left), {
      all: 'acknowledged',
      rows: 'left-out',
      events: 'acknowledged',
      picky: 'left-out',
      stuck: 'waiting',
    });
    assert.equal(left.records[0]?.lanes[0]?.laneState, 'not-running');
    assert.deepEqual(await readdir(join(scratch, 'journal')), files, 'a look changes nothing');

    const none = await trace('order-3');
    assert.equal(none.code, 4);
    assert.match(none.stderr, /HW-SERVICE-005/);
  });
  it('never calls a parked or dropped record acknowledged, beside the running Headwater and after it', async () => {
    const picky = (json: TraceJson): readonly (TraceLeg | undefined)[] =>
      json.records.map(({ lanes }) => lanes.find(({ lane }) => lane === 'picky'));
    const outcomesOf = (json: TraceJson): readonly unknown[] => picky(json).map((leg) => leg?.outcome);
    let firstId: string;
    {
      await using headwater = await startHeadwater(config);
      const url = headwater.httpUrl ?? '';
      const lane = headwater.lane('picky');
      await place('bad-9', 'order-9');
      await waitUntil('the first is parked', () => lane.parked.keys.length === 1);
      await place('good-9', 'order-9');
      await waitUntil('the second waits', () => lane.parked.waiting.length === 1);
      await lane.drain();
      const json = await traceJson('order-9', '--url', url);
      assert.deepEqual(outcomesOf(json), ['parked', 'behind-parked']);
      firstId = json.records[0]?.id ?? '';
      assert.deepEqual(
        picky(json).map((leg) => leg?.behind),
        [null, firstId],
      );
      assert.equal(picky(json)[0]?.error?.code, 'HW-LANE-010');
      const people = await trace('order-9', '--url', url);
      assert.match(people.stdout, new RegExp(`^ {2}picky +behind-parked +behind ${firstId} `, 'm'));
    }
    assert.deepEqual(outcomesOf(await traceJson('order-9')), ['parked', 'behind-parked'], 'as it was left');
    {
      await using headwater = await startHeadwater(config);
      const lane = headwater.lane('picky');
      lane.dropParked(firstId, 'a test order');
      await lane.drain();
      const json = await traceJson('order-9', '--url', headwater.httpUrl ?? '');
      assert.deepEqual(outcomesOf(json), ['dropped', 'acknowledged']);
      assert.equal(picky(json)[0]?.reason, 'a test order');
    }
    assert.deepEqual(outcomesOf(await traceJson('order-9')), ['dropped', 'acknowledged'], 'as it was left');
  });
});
