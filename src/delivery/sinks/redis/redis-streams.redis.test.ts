import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { redisUrl, skipReason } from '../../../../scripts/services/testing.ts';
import { toInstant } from '../../../foundation/clock.ts';
import { toSequence } from '../../../model/position.ts';
import { type Checkpoint, checkpointBehind } from '../../checkpoint.ts';
import type { LaneOptions } from '../../lane-options.ts';
import { toOutboundRecord } from '../../outbound-record.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import { deleteRow, insertRow, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import type { RedisStreamOptions } from './redis-options.ts';
import { redisSink } from './redis-sink.ts';
import { TestRedis, uniquePrefix } from './testing/test-redis.ts';

const orders = testTable('orders', [{ name: 'id', isKey: true }, { name: 'note' }]);
const lines = testTable('lines', [{ name: 'id', isKey: true }]);

const placed: UnplacedRecord = {
  kind: 'event',
  event: {
    id: '01920000-0000-7000-8000-000000000001',
    type: 'order.placed',
    schemaVersion: 1,
    key: 'order-1',
    source: 'shop',
    occurredAt: toInstant(1_800_000_000_000),
    contentType: 'application/json',
    payload: new TextEncoder().encode('{"orderId":"1"}'),
    headers: { op: 'not ours' },
    tenant: 'acme',
    origin: 'message',
  },
};

describe('streams in Redis', { skip: await skipReason('redis') }, () => {
  let redis: TestRedis;
  let url: string;
  before(async () => {
    url = await redisUrl();
    redis = await TestRedis.open(url);
  });
  after(() => redis[Symbol.asyncDispose]());

  interface Place {
    readonly stream: string;
    readonly own: string;
    readonly deliver: (
      stage: LaneStage,
      transactions: readonly (readonly UnplacedRecord[])[],
      lane?: PlaceLane,
    ) => Promise<void>;
  }

  type PlaceLane = Partial<LaneOptions> & { readonly name?: string };

  function openPlace(options: Partial<RedisStreamOptions> = {}): Place {
    const prefix = uniquePrefix();
    const stream = `${prefix}log`;
    const own = `${prefix}own:`;
    return {
      stream,
      own,
      async deliver(stage, transactions, { name = 'lane', ...laneOptions } = {}) {
        for (const transaction of transactions) stage.journal.append(transaction);
        const sink = redisSink({ url, stream, positionPrefix: own, target: 'log', ...options, form: 'stream' });
        const lane = stage.lane({ sink, ...laneOptions }, name);
        await lane.start();
        try {
          await lane.drain();
        } catch (error) {
          throw lane.status().lastFailure?.error ?? error;
        } finally {
          await lane.stop();
        }
      },
    };
  }

  const rows = (from: number, to: number): UnplacedRecord[][] =>
    Array.from({ length: to - from + 1 }, (_, index) => [insertRow(orders, String(from + index), 'x')]);

  test('hold every record with its position as id, in commit order', async () => {
    await using stage = new LaneStage();
    const { deliver, stream } = openPlace();
    await deliver(stage, [
      [insertRow(orders, '1', null), placed],
      [updateRow(orders, ['2', 'moved'], ['1', null]), deleteRow(orders, '2')],
      [truncateTables(orders, lines)],
    ]);
    const entries = await redis.entries(stream);
    const { systemId } = stage.journal.header(stage.journal.durableEnd.sequence);
    const place = (sequence: number, ordinal: number): string => {
      const lsn = (sequence * 256 + 64).toString(16).toUpperCase();
      return `${systemId}-1-0/${lsn}-${ordinal}`;
    };
    assert.deepEqual(entries, [
      {
        'entry-id': '1-0',
        id: place(1, 0),
        op: 'insert',
        key: 'public.orders|["1"]',
        schema: 'public',
        table: 'orders',
        'content-type': 'application/json',
        value: '{"op":"insert","schema":"public","table":"orders","after":{"id":"1","note":null}}',
        sequence: '1',
        'commit-time': '2027-01-15T08:00:01.000000Z',
      },
      {
        'entry-id': '1-1',
        id: '01920000-0000-7000-8000-000000000001',
        op: 'event',
        key: 'order-1',
        'event-type': 'order.placed',
        'schema-version': '1',
        'event-source': 'shop',
        'occurred-at': '2027-01-15T08:00:00.000Z',
        tenant: 'acme',
        'header:op': 'not ours',
        'content-type': 'application/json',
        value: '{"orderId":"1"}',
        sequence: '1',
        'commit-time': '2027-01-15T08:00:01.000000Z',
      },
      {
        'entry-id': '2-0',
        id: place(2, 0),
        op: 'update',
        key: 'public.orders|["2"]',
        schema: 'public',
        table: 'orders',
        'content-type': 'application/json',
        value:
          '{"op":"update","schema":"public","table":"orders","before":{"id":"1"},"after":{"id":"2","note":"moved"}}',
        sequence: '2',
        'commit-time': '2027-01-15T08:00:02.000000Z',
      },
      {
        'entry-id': '2-1',
        id: place(2, 1),
        op: 'delete',
        key: 'public.orders|["2"]',
        schema: 'public',
        table: 'orders',
        'content-type': 'application/json',
        value: '{"op":"delete","schema":"public","table":"orders","before":{"id":"2"}}',
        sequence: '2',
        'commit-time': '2027-01-15T08:00:02.000000Z',
      },
      {
        'entry-id': '3-0',
        id: place(3, 0),
        op: 'truncate',
        'content-type': 'application/json',
        value:
          '[{"op":"truncate","schema":"public","table":"orders","cascade":false,"restartIdentity":false},{"op":"truncate","schema":"public","table":"lines","cascade":false,"restartIdentity":false}]',
        sequence: '3',
        'commit-time': '2027-01-15T08:00:03.000000Z',
      },
    ]);
  });

  test('take a repeated record once, although the position is gone', async () => {
    await using stage = new LaneStage();
    const { deliver, own, stream } = openPlace();
    await deliver(stage, rows(1, 10));
    const before = await redis.entries(stream);
    await redis.command('DEL', `${own}lane:test:lane`);
    await deliver(stage, rows(11, 12), { name: 'again', replaces: 'lane' });
    const entries = await redis.entries(stream);
    assert.deepEqual(entries.slice(0, 10), before);
    assert.equal(entries.length, 12);
  });

  test('refuse a record whose place others have passed, and leave the position where it was', async () => {
    await using stage = new LaneStage();
    const { deliver, own, stream } = openPlace();
    await deliver(stage, rows(1, 3));
    await redis.command('XADD', stream, '9-9', 'who', 'somebody else');
    await assert.rejects(deliver(stage, rows(4, 4)), { code: 'HW-REDIS-009' });
    assert.match(String(await redis.command('HGET', `${own}lane:test:lane`, 'place')), / 3\+0$/);
    assert.equal((await redis.entries(stream)).length, 4);
  });

  test('refuse the records of another journal, whose places do not compare', async () => {
    await using stage = new LaneStage();
    const { deliver, own, stream } = openPlace();
    await deliver(stage, rows(1, 3));
    const record = insertRow(orders, '4', 'x');
    const outbound = toOutboundRecord(
      { ...record, ordinal: 0 },
      stage.journal.header(stage.journal.append([record])),
      {},
    );
    const context = { ...stage.sinkContext('other'), journalId: '5f2f6f0e-0000-4000-8000-000000000002' };
    await using sink = await redisSink({ url, stream, positionPrefix: own, form: 'stream' }).open(context);
    const place = (sequence: bigint): Checkpoint => checkpointBehind(context.journalId, toSequence(sequence));
    const records = outbound === undefined ? [] : [outbound];
    const batch = { records, from: place(3n), to: place(4n), endsTransaction: true };
    await assert.rejects(sink.write(batch, context.signal), { code: 'HW-REDIS-009' });
    assert.equal((await redis.entries(stream)).length, 3);
  });

  test('refuse a key that holds something else, before anything of the batch is written', async () => {
    await using stage = new LaneStage();
    const { deliver, own, stream } = openPlace();
    const other = `${stream}-other`;
    await redis.command('SET', other, 'mine');
    const route: LaneOptions['route'] = (record) => (record.ordinal === 1 ? other : undefined);
    await assert.rejects(deliver(stage, [[insertRow(orders, '1', null), insertRow(orders, '2', null)]], { route }), {
      code: 'HW-REDIS-010',
    });
    assert.equal(await redis.text(other), 'mine');
    assert.deepEqual(await redis.entries(stream), []);
    assert.equal(await redis.command('HGET', `${own}lane:test:lane`, 'place'), null);
  });

  test('keep about as many entries as declared, and take what was cut off no second time', async () => {
    await using stage = new LaneStage();
    const { deliver, own, stream } = openPlace({ maxLength: 50 });
    await deliver(stage, rows(1, 500));
    const before = await redis.entries(stream);
    assert.ok(before.length >= 50 && before.length < 400, String(before.length));
    await redis.command('DEL', `${own}lane:test:lane`);
    await deliver(stage, [], { name: 'again', replaces: 'lane' });
    assert.deepEqual(await redis.entries(stream), before);
  });

  test('have a place for what the map returns, and none for what nobody could read', async () => {
    await using stage = new LaneStage();
    const { deliver, stream } = openPlace();
    const values: readonly unknown[] = ['text', new Uint8Array([1, 2]), { a: [1, null] }, null];
    const map: LaneOptions['map'] = (record) => values[record.ordinal] ?? (record.ordinal === 3 ? null : { bad: 1n });
    await deliver(stage, [values.map((_, index) => insertRow(orders, String(index), null))], { map });
    assert.deepEqual(
      (await redis.entries(stream)).map((entry) => [entry['content-type'], entry['value']]),
      [
        ['text/plain; charset=utf-8', 'text'],
        ['application/octet-stream', '\u0001\u0002'],
        ['application/json', '{"a":[1,null]}'],
        [undefined, undefined],
      ],
    );
    const five = Array.from({ length: 5 }, (_, index) => insertRow(orders, String(index), null));
    await assert.rejects(deliver(stage, [five], { map }), { code: 'HW-REDIS-012' });
    assert.equal((await redis.entries(stream)).length, 4);
  });

  test('refuse an event with more headers than an entry takes', async () => {
    await using stage = new LaneStage();
    const { deliver, stream } = openPlace();
    const headers = (count: number): Readonly<Record<string, string>> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, 'x']));
    const event = (count: number): UnplacedRecord =>
      placed.kind === 'event' ? { ...placed, event: { ...placed.event, headers: headers(count) } } : placed;
    await assert.rejects(deliver(stage, [[event(900)], [event(1000)]]), { code: 'HW-REDIS-012' });
    assert.equal((await redis.entries(stream)).length, 1);
  });
});
