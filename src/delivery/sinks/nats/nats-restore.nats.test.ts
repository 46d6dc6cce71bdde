import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { skipReason, startPrivateNats } from '../../../../scripts/services/testing.ts';
import { sampleBatch, sampleCheckpoint } from '../kafka/testing/sample-records.ts';
import { idsOf, numberedEvents, numberedIds, openNatsSink, withCode } from './testing/open-nats-sink.ts';
import { TestStreams } from './testing/test-streams.ts';

const signal = new AbortController().signal;
const lane = 'lane';
const stream = 'RECORDS';
const batchOf = (first: number, last: number) =>
  sampleBatch(numberedEvents(first, last), { from: first - 1, to: last });

describe('a NATS server that is not what it was', { skip: await skipReason('privateNats') }, () => {
  test('a stream that was restored from an older copy gets again what it has lost', async () => {
    await using nats = await startPrivateNats();
    const servers = nats.address;
    {
      await using streams = await TestStreams.open(servers);
      await streams.create(stream);
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 4), signal);
    }
    await nats.stop();
    const data = join(nats.directory, 'data/jetstream/$G/streams', stream);
    const copy = join(nats.directory, 'copy');
    await cp(data, copy, { recursive: true });
    await nats.restart();
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(5, 9), signal);
    }
    await nats.stop();
    await rm(data, { recursive: true });
    await cp(copy, data, { recursive: true });
    await nats.restart();
    await using sink = await openNatsSink({ servers, stream }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(4));
    await sink.write(batchOf(5, 9), signal);
    await using streams = await TestStreams.open(servers);
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 9));
  });

  test('a position that was restored from an older copy repeats nothing', async () => {
    await using nats = await startPrivateNats();
    const servers = nats.address;
    {
      await using streams = await TestStreams.open(servers);
      await streams.create(stream);
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 4), signal);
    }
    await nats.stop();
    const data = join(nats.directory, 'data/jetstream/$G/streams/headwater-position');
    const copy = join(nats.directory, 'copy');
    await cp(data, copy, { recursive: true });
    await nats.restart();
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(5, 9), signal);
    }
    await nats.stop();
    await rm(data, { recursive: true });
    await cp(copy, data, { recursive: true });
    await nats.restart();
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(9));
    }
    await using streams = await TestStreams.open(servers);
    await streams.manager.streams.delete('headwater-position');
    await using sink = await openNatsSink({ servers, stream }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(9), 'also without the position stream');
    await sink.write(batchOf(10, 10), signal);
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 10));
  });

  test('a server that is killed and started again keeps the position of an emptied stream', async () => {
    await using nats = await startPrivateNats();
    const servers = nats.address;
    {
      await using streams = await TestStreams.open(servers);
      await streams.create(stream);
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 4), signal);
      await streams.manager.streams.purge(stream);
    }
    await nats.kill();
    await nats.restart();
    await using sink = await openNatsSink({ servers, stream }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(4));
    await sink.write(batchOf(5, 5), signal);
    await using streams = await TestStreams.open(servers);
    assert.deepEqual(idsOf(await streams.read(stream)), ['id-5']);
  });

  test('a server that lost everything is refused by name', async () => {
    await using nats = await startPrivateNats();
    const servers = nats.address;
    {
      await using streams = await TestStreams.open(servers);
      await streams.create(stream);
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 4), signal);
    }
    await nats.stop();
    await rm(join(nats.directory, 'data/jetstream/$G/streams', stream), { recursive: true });
    await nats.restart();
    const options = { servers, stream, createStream: true } as const;
    await assert.rejects(openNatsSink(options, lane), withCode('HW-NATS-014'));
  });
});
