import assert from 'node:assert/strict';
import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type PrivateRedis, skipReason, startPrivateRedis } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { toSequence } from '../../../model/position.ts';
import { type Checkpoint, checkpointBehind } from '../../checkpoint.ts';
import type { Lane } from '../../lane.ts';
import { toOutboundRecord } from '../../outbound-record.ts';
import { FaultProxy } from '../../../testing/fault-proxy.ts';
import { LaneStage } from '../../../testing/lane-stage.ts';
import { deleteRow, insertRow, testTable } from '../../testing/test-table.ts';
import type { RedisKeyOptions } from './redis-options.ts';
import { redisSink } from './redis-sink.ts';
import { TestRedis } from './testing/test-redis.ts';

const orders = testTable('orders', [{ name: 'id', isKey: true }, { name: 'note' }]);
const laneKey = 'headwater:lane:test:lane';

/** Appends transactions, each with one row of its own and the row that all of them change. */
function append(stage: LaneStage, from: number, to: number): void {
  for (let number = from; number <= to; number += 1) {
    stage.journal.append([insertRow(orders, String(number), 'x'), insertRow(orders, 'last', String(number))]);
  }
}

async function assertComplete(server: PrivateRedis, to: number): Promise<void> {
  await using redis = await TestRedis.open(server.url);
  const keys = Array.from({ length: to }, (_, index) => `public.orders:${index + 1}`);
  assert.deepEqual(await redis.keys('public.orders:'), [...keys, 'public.orders:last'].toSorted());
  assert.deepEqual(await redis.hash('public.orders:last'), { id: 'last', note: String(to) });
}

function openLane(stage: LaneStage, server: PrivateRedis, options: Partial<RedisKeyOptions> = {}, name = 'lane'): Lane {
  const sink = redisSink({ url: server.url, target: 'orders', ...options, form: 'hash' });
  return stage.lane({ sink, batch: { recordCountMax: 2 }, ...(name === 'lane' ? {} : { replaces: 'lane' }) }, name);
}

/** The newest file that holds the writes. */
async function appendOnlyFile(server: PrivateRedis): Promise<string> {
  const directory = join(server.directory, 'appendonlydir');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.incr.aof'));
  return join(directory, names.toSorted().at(-1) ?? '');
}

async function placeOf(server: PrivateRedis): Promise<string> {
  await using redis = await TestRedis.open(server.url);
  return String(await redis.command('HGET', laneKey, 'place'));
}

describe('a Redis that lost data', { skip: await skipReason('privateRedis') }, () => {
  test('loses nothing that was acknowledged when it is killed, with appendfsync always', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    const lane = openLane(stage, server, { durability: 'always' });
    await lane.start();
    append(stage, 1, 20);
    await lane.drain();
    await server.kill();
    await server.restart();
    await assertComplete(server, 20);
    append(stage, 21, 30);
    await lane.drain();
    await assertComplete(server, 30);
    assert.equal(lane.status().deliveredCount, 60, 'nothing was delivered again');
  });

  for (const when of ['while the lane runs', 'while the lane is stopped'] as const) {
    test(`goes back to the position that its append-only file ends with, and gets the rest again, ${when}`, async () => {
      await using server = await startPrivateRedis();
      await using stage = new LaneStage();
      await using proxy = await FaultProxy.start({ host: '127.0.0.1', port: server.port });
      const url = proxy.reroute(server.url);
      let lane = openLane(stage, server, { url });
      await lane.start();
      append(stage, 1, 20);
      await lane.drain();
      // What the lane would mend at once is looked at first.
      proxy.refuse(true);
      if (when === 'while the lane is stopped') await lane.stop();
      await server.kill();
      const file = await appendOnlyFile(server);
      const { size } = await stat(file);
      // In the middle of a write: Redis drops what is left of it as a whole.
      await truncate(file, Math.floor(size * 0.6));
      await server.restart();
      const place = await placeOf(server);
      const sequence = Number(/ (\d+)\+0$/.exec(place)?.[1]);
      assert.ok(sequence > 0 && sequence < 20, `the position went back: ${place}`);
      await assertComplete(server, sequence);
      proxy.refuse(false);
      if (when === 'while the lane is stopped') {
        lane = openLane(stage, server, { url });
        await lane.start();
      }
      append(stage, 21, 21);
      await lane.drain();
      await assertComplete(server, 21);
    });
  }

  for (const loss of ['a restart without its file', 'FLUSHALL under an open connection'] as const) {
    test(`is refused by name after ${loss}, also by the next start, and is filled anew by a lane that replaces this one`, async () => {
      await using server = await startPrivateRedis({ settings: { appendonly: 'no' } });
      await using stage = new LaneStage();
      const lane = openLane(stage, server, { durability: 'none' });
      await lane.start();
      append(stage, 1, 20);
      await lane.drain();
      if (loss === 'a restart without its file') {
        await server.kill();
        await server.restart();
      } else {
        await using redis = await TestRedis.open(server.url);
        await redis.command('FLUSHALL');
      }
      append(stage, 21, 21);
      await assert.rejects(lane.drain(), { code: 'HW-LANE-012' });
      assert.equal(lane.status().lastFailure?.error.code, 'HW-LANE-008');
      await lane.stop();
      await assert.rejects(openLane(stage, server, { durability: 'none' }).start(), { code: 'HW-LANE-008' });
      const again = openLane(stage, server, { durability: 'none' }, 'again');
      await again.start();
      await again.drain();
      await assertComplete(server, 21);
    });
  }

  test('gets back what it lost from a lane that has nothing to write', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    const lane = openLane(stage, server);
    await lane.start();
    append(stage, 1, 20);
    await lane.drain();
    await server.kill();
    const file = await appendOnlyFile(server);
    await truncate(file, Math.floor((await stat(file)).size * 0.5));
    await server.restart();
    await waitUntil('the rest is back', async () => (await placeOf(server)).endsWith(' 20+0'));
    await assertComplete(server, 20);
    assert.equal(lane.status().condition, 'running');
  });

  test('is refused by name by a lane that has nothing to write', async () => {
    await using server = await startPrivateRedis({ settings: { appendonly: 'no' } });
    await using stage = new LaneStage();
    const lane = openLane(stage, server, { durability: 'none' });
    await lane.start();
    append(stage, 1, 20);
    await lane.drain();
    await server.kill();
    await server.restart();
    await waitUntil('the lane has stopped', () => lane.status().condition === 'failed');
    assert.equal(lane.status().lastFailure?.error.code, 'HW-LANE-008');
  });

  test('that went back behind what the journal keeps is refused with the gap', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    const lane = openLane(stage, server);
    await lane.start();
    append(stage, 1, 20);
    await lane.drain();
    await lane.stop();
    await server.kill();
    const file = await appendOnlyFile(server);
    await truncate(file, Math.floor((await stat(file)).size * 0.5));
    await server.restart();
    stage.journal.trim(stage.journal.durableEnd.sequence);
    await assert.rejects(openLane(stage, server).start(), { code: 'HW-LANE-003' });
  });
});

describe('a writer of a lane in Redis', { skip: await skipReason('privateRedis') }, () => {
  test('that another one took the lane from writes nothing and is refused by name', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    const options = { url: server.url, target: 'orders' } as const;
    const older = openLane(stage, server);
    await older.start();
    append(stage, 1, 3);
    await older.drain();
    await using newer = await redisSink(options).open(stage.sinkContext());
    assert.equal((await newer.readCheckpoint(new AbortController().signal))?.sequence, 3n);
    stage.journal.append([deleteRow(orders, '1')]);
    await assert.rejects(older.drain(), { code: 'HW-LANE-012' });
    assert.equal(older.status().lastFailure?.error.code, 'HW-SINK-008');
    await assertComplete(server, 3);
  });

  test('leaves the position of another journal alone', async () => {
    await using server = await startPrivateRedis();
    await using stage = new LaneStage();
    const lane = openLane(stage, server);
    await lane.start();
    append(stage, 1, 3);
    await lane.drain();
    const context = { ...stage.sinkContext(), journalId: '5f2f6f0e-0000-4000-8000-000000000002' };
    await using foreign = await redisSink({ url: server.url }).open(context);
    const found = await foreign.readCheckpoint(context.signal);
    assert.equal(found?.journalId, stage.journal.journalId);
    append(stage, 4, 5);
    await lane.drain();
    await assertComplete(server, 5);
  });

  for (const loss of ['its latest writes', 'everything'] as const) {
    test(`into a server that lost ${loss} between two writes changes nothing`, async () => {
      await using server = await startPrivateRedis();
      await using stage = new LaneStage();
      const { signal } = new AbortController();
      await using sink = await redisSink({ url: server.url, durability: 'none' }).open(stage.sinkContext());
      const write = (number: number): Promise<void> => {
        const record = insertRow(orders, String(number), 'x');
        const header = stage.journal.header(stage.journal.append([record]));
        const outbound = toOutboundRecord({ ...record, ordinal: 0 }, header, {});
        const place = (sequence: bigint): Checkpoint => checkpointBehind(stage.journal.journalId, toSequence(sequence));
        const records = outbound === undefined ? [] : [outbound];
        const { sequence } = header;
        return sink.write({ records, from: place(sequence - 1n), to: place(sequence), endsTransaction: true }, signal);
      };
      await write(1);
      await write(2);
      const { promise: lost, resolve } = Promise.withResolvers<void>();
      sink.onDoubt?.(resolve);
      await server.kill();
      const file = await appendOnlyFile(server);
      await truncate(file, loss === 'everything' ? 0 : (await stat(file)).size - 10);
      await server.restart();
      await lost;
      await assert.rejects(write(3), { code: 'HW-REDIS-008' });
      await using redis = await TestRedis.open(server.url);
      assert.deepEqual(await redis.keys('public.orders:'), loss === 'everything' ? [] : ['public.orders:1']);
      assert.equal((await sink.readCheckpoint(signal))?.sequence, loss === 'everything' ? undefined : 1n);
    });
  }
});
