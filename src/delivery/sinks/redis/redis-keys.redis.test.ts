import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { redisUrl, skipReason } from '../../../../scripts/services/testing.ts';
import { unchanged } from '../../../model/row.ts';
import { toSequence } from '../../../model/position.ts';
import { type Checkpoint, checkpointBehind } from '../../checkpoint.ts';
import type { LaneOptions } from '../../lane-options.ts';
import { toOutboundRecord } from '../../outbound-record.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import type { UnplacedRecord } from '../../../testing/memory-journal.ts';
import { deleteRow, insertRow, oids, testTable, truncateTables, updateRow } from '../../testing/test-table.ts';
import type { RedisKeyOptions } from './redis-options.ts';
import { redisSink } from './redis-sink.ts';
import { TestRedis, uniquePrefix } from './testing/test-redis.ts';

const orders = testTable('orders', [
  { name: 'id', typeOid: oids.int8, isKey: true },
  { name: 'total', typeOid: oids.numeric },
  { name: 'note' },
]);

describe('keys in Redis', { skip: await skipReason('redis') }, () => {
  let redis: TestRedis;
  let url: string;
  before(async () => {
    url = await redisUrl();
    redis = await TestRedis.open(url);
  });
  after(() => redis[Symbol.asyncDispose]());

  /** A place of its own, and a way to deliver into it. */
  function openPlace(options: Partial<Omit<RedisKeyOptions, 'form'>> & { readonly form?: 'hash' | 'json' } = {}): {
    readonly prefix: string;
    readonly deliver: (
      stage: LaneStage,
      transactions: readonly (readonly UnplacedRecord[])[],
      lane?: Partial<LaneOptions>,
      name?: string,
    ) => Promise<void>;
  } {
    const prefix = uniquePrefix();
    return {
      prefix,
      async deliver(stage, transactions, laneOptions = {}, name = 'lane') {
        for (const transaction of transactions) stage.journal.append(transaction);
        // Lanes of one target would be taken for one that was renamed.
        const sink = redisSink({ url, prefix, positionPrefix: `${prefix}own:`, target: name, ...options });
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

  for (const form of ['hash', 'json'] as const) {
    const write = async (key: string): Promise<unknown> =>
      form === 'hash' ? { ...(await redis.hash(key)) } : (JSON.parse((await redis.text(key)) ?? 'null') as unknown);
    const row = (id: string, total: string | null, note: string | null): unknown =>
      form === 'json'
        ? { id, total, note }
        : Object.fromEntries(Object.entries({ id, total, note }).filter(([, value]) => value !== null));

    test(`hold what the source holds after inserts, updates, key changes and deletes, as a ${form}`, async () => {
      await using stage = new LaneStage();
      const { deliver, prefix } = openPlace({ form });
      const key = (id: string): string => `${prefix}public.orders:${id}`;
      await deliver(stage, [
        [insertRow(orders, '9007199254740993', '123456789012345678901234567890.10', 'Ünï😀"\\\n')],
        [insertRow(orders, '2', '2.00', 'b'), insertRow(orders, '3', '3.00', null)],
        [updateRow(orders, ['2', '2.50', null]), updateRow(orders, ['4', '3.00', 'moved'], ['3', null, null])],
        [insertRow(orders, '5', '5.00', 'gone'), deleteRow(orders, '5'), insertRow(orders, '6', null, '')],
        [deleteRow(orders, '6'), insertRow(orders, '6', '6.00', 'again')],
      ]);
      assert.deepEqual(
        await redis.keys(`${prefix}public.orders:`),
        ['2', '4', '6', '9007199254740993'].map(key).toSorted(),
      );
      assert.deepEqual(
        await write(key('9007199254740993')),
        row('9007199254740993', '123456789012345678901234567890.10', 'Ünï😀"\\\n'),
      );
      assert.deepEqual(await write(key('2')), row('2', '2.50', null));
      assert.deepEqual(await write(key('4')), row('4', '3.00', 'moved'));
      assert.deepEqual(await write(key('6')), row('6', '6.00', 'again'));
    });

    test(`keep a value that an UPDATE left out of line, within a batch, across batches and over a key change, as a ${form}`, async () => {
      await using stage = new LaneStage();
      const { deliver, prefix } = openPlace({ form });
      const long = '/"long\\\u0001€';
      await deliver(stage, [[insertRow(orders, '1', '1.00', long), updateRow(orders, ['1', '2.00', unchanged])]]);
      assert.deepEqual(await write(`${prefix}public.orders:1`), row('1', '2.00', long));
      await deliver(stage, [
        [updateRow(orders, ['1', null, unchanged])],
        [updateRow(orders, ['7', '3.00', unchanged], ['1', null, null]), insertRow(orders, '1', '9.00', 'other')],
        [updateRow(orders, ['7', '4.00', unchanged])],
      ]);
      assert.deepEqual(await write(`${prefix}public.orders:7`), row('7', '4.00', long));
      assert.deepEqual(await write(`${prefix}public.orders:1`), row('1', '9.00', 'other'));
    });

    test(`hold every row of a transaction with more of them than one command of Redis takes, as a ${form}`, async () => {
      await using stage = new LaneStage();
      const { deliver, prefix } = openPlace({ form });
      const numbers = Array.from({ length: 4321 }, (_, index) => index);
      const note = (number: number): string | null => (number % 3 === 0 ? null : `note ${number}`);
      const rows = numbers.map((number) => insertRow(orders, String(number), `${number}.00`, note(number)));
      const gone = numbers.filter((number) => number % 2 === 0);
      await deliver(stage, [rows, gone.map((number) => deleteRow(orders, String(number)))]);
      const left = numbers.filter((number) => number % 2 === 1);
      const key = (number: number): string => `${prefix}public.orders:${number}`;
      assert.deepEqual(await redis.keys(`${prefix}public.orders:`), left.map(key).toSorted());
      for (const number of left)
        assert.deepEqual(await write(key(number)), row(String(number), `${number}.00`, note(number)));
    });

    test(`refuse to guess a value of a row that Redis does not hold, and write nothing of its transaction, as a ${form}`, async () => {
      await using stage = new LaneStage();
      const { deliver, prefix } = openPlace({ form });
      await assert.rejects(
        deliver(stage, [
          [insertRow(orders, '1', '1.00', 'a')],
          [insertRow(orders, '2', '2.00', 'b'), updateRow(orders, ['3', '3.00', unchanged])],
        ]),
        { code: 'HW-SINK-024' },
      );
      assert.deepEqual(await redis.keys(`${prefix}public.orders:`), [`${prefix}public.orders:1`]);
    });
  }

  for (const form of ['hash', 'json'] as const) {
    test(`wait for the copy of a row that is not there yet instead of refusing its change, as a ${form}`, async () => {
      await using stage = new LaneStage();
      const prefix = uniquePrefix();
      const sink = redisSink({ url, form, prefix, positionPrefix: `${prefix}own:` });
      const context = { ...stage.sinkContext(), lacksRows: () => true };
      await using open = await sink.open(context);
      const write = (record: UnplacedRecord): Promise<void> => {
        const header = stage.journal.header(stage.journal.append([record]));
        const outbound = toOutboundRecord({ ...record, ordinal: 0 }, header, {});
        const place = (sequence: bigint): Checkpoint => checkpointBehind(stage.journal.journalId, toSequence(sequence));
        const records = outbound === undefined ? [] : [outbound];
        const { sequence } = header;
        return open.write(
          { records, from: place(sequence - 1n), to: place(sequence), endsTransaction: true },
          context.signal,
        );
      };
      await write(updateRow(orders, ['1', '1.00', unchanged]));
      assert.deepEqual(await redis.keys(`${prefix}public`), []);
      await write({ kind: 'read', table: orders, after: ['1', '2.00', 'long'] });
      await write(updateRow(orders, ['1', '3.00', unchanged]));
      const key = `${prefix}public.orders:1`;
      const stored: unknown =
        form === 'hash' ? { ...(await redis.hash(key)) } : JSON.parse((await redis.text(key)) ?? '');
      assert.deepEqual(stored, { id: '1', total: '3.00', note: 'long' });
    });
  }

  test('are not overwritten by an older write of another lane, and not brought back after a delete', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace();
    const key = (id: string): string => `${prefix}public.orders:${id}`;
    await deliver(stage, [
      [insertRow(orders, '1', '1.00', 'old'), insertRow(orders, '2', '2.00', 'old')],
      [insertRow(orders, '3', '3.00', 'old')],
      [updateRow(orders, ['1', '1.00', 'new']), deleteRow(orders, '2')],
    ]);
    const watched = await openWatched(key('3'));
    // Each transaction alone, so that the older writes are really tried.
    await deliver(stage, [], { batch: { recordCountMax: 1 }, filter: (_, { sequence }) => sequence < 3n }, 'replay');
    assert.deepEqual(await redis.hash(key('1')), { id: '1', total: '1.00', note: 'new' });
    assert.deepEqual(await redis.hash(key('2')), {});
    assert.deepEqual(await watched(), { id: '3', total: '3.00', note: 'old' });
  });

  /** What was changed by hand shows whether the same write was made again. */
  async function openWatched(key: string): Promise<() => Promise<Readonly<Record<string, string>>>> {
    await redis.command('HSET', key, 'note', 'changed by hand');
    return () => redis.hash(key);
  }

  test('take the new form of a lane that begins anew, each with its latest write', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace();
    const key = (id: string): string => `${prefix}public.orders:${id}`;
    await deliver(stage, [
      [insertRow(orders, '1', '1.00', 'long')],
      [updateRow(orders, ['2', '2.00', unchanged], ['1', null, null])],
    ]);
    const map: LaneOptions['map'] = (record) =>
      'after' in record ? { total: record.after[1], note: record.after[2], again: true } : null;
    await deliver(stage, [], { map, batch: { recordCountMax: 1 }, replaces: 'lane' }, 'again');
    assert.deepEqual(await redis.hash(key('2')), { total: '2.00', note: 'long', again: 'true' });
    assert.deepEqual(await redis.keys(`${prefix}public.orders:`), [key('2')]);
  });

  test('and the sink’s own keys are laid out as version 1 says', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace();
    await deliver(stage, [[placeholder(), insertRow(orders, '1', '1.00', null)]], {}, 'a.b:c%');
    const { epoch, writer, ...lane } = await redis.hash(`${prefix}own:lane:test:a%2Eb%3Ac%25`);
    assert.equal(epoch, '1');
    assert.match(writer ?? '', /^[\w-]{16}$/);
    const { journalId } = stage.journal;
    assert.deepEqual(lane, {
      version: '1',
      place: `${journalId} 1+0`,
      checkpoint: `{"version":1,"journalId":"${journalId}","sequence":"1","recordCount":0,"systemId":"7385","timeline":1,"commitEndLsn":"320","commitTimeMicros":"1800000001000000"}`,
    });
    const position = await redis.text(`${prefix}own:position:${prefix}public.orders:1`);
    assert.equal(position, `${journalId} 000000000000000000010000000001`);
  });

  /** A record in front of the one that matters. */
  function placeholder(): UnplacedRecord {
    return insertRow(testTable('front', [{ name: 'id', isKey: true }]), '1');
  }

  test('keep the position of a deleted key for the declared time', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace({ tombstoneMs: 60_000 });
    await deliver(stage, [
      [insertRow(orders, '1', '1.00', null), insertRow(orders, '2', '2.00', null)],
      [deleteRow(orders, '1')],
    ]);
    const carrier = (id: string): string => `${prefix}own:position:${prefix}public.orders:${id}`;
    assert.equal(await redis.command('PTTL', carrier('2')), -1);
    const life = Number(await redis.command('PTTL', carrier('1')));
    assert.ok(life > 0 && life <= 60_000, String(life));
  });

  test('follow a pattern, also to the key that a row had before', async () => {
    await using stage = new LaneStage();
    const lines = testTable('lines', [{ name: 'order', isKey: true }, { name: 'line', isKey: true }, { name: 'sku' }]);
    const people = testTable('people', [{ name: 'id' }, { name: 'mail' }], 'full');
    const { deliver, prefix } = openPlace();
    const route: LaneOptions['route'] = (record) => {
      if (!('table' in record)) return undefined;
      return record.table.tableName === 'lines' ? `${prefix}line/{order}/{line}` : `${prefix}mail:{mail}`;
    };
    await deliver(
      stage,
      [
        [insertRow(lines, '1', 'a b', 'x'), insertRow(people, '1', 'a@b.c')],
        [updateRow(lines, ['1', '{c}', 'y'], ['1', 'a b', null]), updateRow(people, ['1', 'd@e.f'], ['1', 'a@b.c'])],
      ],
      { route },
    );
    assert.deepEqual(await redis.keys(`${prefix}line/`), [`${prefix}line/1/{c}`]);
    assert.deepEqual(await redis.keys(`${prefix}mail:`), [`${prefix}mail:d@e.f`]);
  });

  test('of events hold the latest payload, and events are left out without a pattern', async () => {
    const event = (key: string, payload: Uint8Array): UnplacedRecord => ({
      kind: 'event',
      event: {
        id: 'e',
        type: 'order.placed',
        schemaVersion: 1,
        source: 'shop',
        contentType: 'application/json',
        key,
        payload,
        headers: {},
        origin: 'message',
        occurredAt: stageClock.now(),
      },
    });
    await using stage = new LaneStage();
    const stageClock = stage.clock;
    const { deliver, prefix } = openPlace({ form: 'json' });
    await deliver(stage, [[event('1', new TextEncoder().encode('left out'))]]);
    assert.deepEqual(await redis.keys(`${prefix}latest`), []);
    const latest = redisSink({
      url,
      form: 'json',
      target: 'events',
      positionPrefix: `${prefix}own:`,
      events: `${prefix}latest:{type}:{key}`,
    });
    const lane = stage.lane({ sink: latest }, 'events');
    await lane.start();
    stage.journal.append([
      event('1', new Uint8Array([0, 255, 13, 10])),
      event('2', new TextEncoder().encode('{"n":2}')),
    ]);
    await lane.drain();
    assert.equal(await redis.text(`${prefix}latest:order.placed:2`), '{"n":2}');
    assert.equal(await redis.command('STRLEN', `${prefix}latest:order.placed:1`), 4);
  });

  test('refuse a TRUNCATE by name and deliver what was in front of it', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace();
    await assert.rejects(deliver(stage, [[insertRow(orders, '1', '1.00', null)], [truncateTables(orders)]]), {
      code: 'HW-REDIS-013',
    });
    assert.deepEqual(await redis.keys(`${prefix}public.orders:`), [`${prefix}public.orders:1`]);
    await deliver(stage, [[insertRow(orders, '2', '2.00', null)]], {
      filter: (record) => record.kind !== 'truncate',
      revision: 2,
      continuesRevision: 1,
    });
    assert.equal((await redis.keys(`${prefix}public.orders:`)).length, 2);
  });

  test('show no part of a source transaction that is cut into several batches', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace();
    const rows = Array.from({ length: 50 }, (_, index) => insertRow(orders, String(index), '1.00', null));
    const refused = updateRow(orders, ['none', '1.00', unchanged]);
    await assert.rejects(deliver(stage, [[...rows, refused]], { batch: { recordCountMax: 7 } }), {
      code: 'HW-SINK-024',
    });
    assert.deepEqual(await redis.keys(`${prefix}public.orders:`), []);
  });

  test('of a transaction beyond the limit are written in parts, each with its position', async () => {
    await using stage = new LaneStage();
    const { deliver, prefix } = openPlace({ transactionBytesMax: 500 });
    const rows = Array.from({ length: 50 }, (_, index) => insertRow(orders, String(index), '1.00', null));
    const refused = updateRow(orders, ['none', '1.00', unchanged]);
    await assert.rejects(deliver(stage, [[...rows, refused]], { batch: { recordCountMax: 7 } }), {
      code: 'HW-SINK-024',
    });
    const written = (await redis.keys(`${prefix}public.orders:`)).length;
    const place = String(await redis.command('HGET', `${prefix}own:lane:test:lane`, 'place'));
    assert.ok(written > 0 && written <= 50);
    assert.ok(place.endsWith(` 0+${written}`), place);
  });
});
