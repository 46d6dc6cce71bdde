import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { natsServers, skipReason } from '../../../../scripts/services/testing.ts';
import { waitUntil } from '../../../../scripts/services/wait-until.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { createSeededRandom } from '../../../foundation/random.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import {
  ordersTable,
  sampleBatch,
  sampleCheckpoint,
  sampleInsert,
  sampleOutbound,
} from '../kafka/testing/sample-records.ts';
import { planBatch } from './batch-plan.ts';
import { idsOf, numberedEvent, numberedEvents, numberedIds, openNatsSink, withCode } from './testing/open-nats-sink.ts';
import { TestStreams, uniqueName } from './testing/test-streams.ts';

const signal = new AbortController().signal;

/** A batch with one event for each of these sequences. */
const batchOf = (first: number, last: number) =>
  sampleBatch(numberedEvents(first, last), { from: first - 1, to: last });

describe('the NATS sink', { skip: await skipReason('nats') }, () => {
  test('goes on where the stream says, and a new lane on a stream with older messages has no position', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('position');
    await streams.publish(`${stream}.older`, 'x');
    const lane = uniqueName('lane');
    {
      await using sink = await openNatsSink({ servers, stream, inFlightMax: 3 }, lane);
      assert.equal(await sink.readCheckpoint(signal), undefined);
      await sink.write(batchOf(1, 20), signal);
      await sink.write(sampleBatch([], { from: 20, to: 25 }), signal);
    }
    await using sink = await openNatsSink({ servers, stream }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(25));
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 20));
  });

  test('a batch that does not begin where the stream ends is refused', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('mismatch');
    await using sink = await openNatsSink({ servers, stream }, uniqueName('lane'));
    await sink.write(batchOf(1, 1), signal);
    await assert.rejects(sink.write(batchOf(3, 3), signal), withCode('HW-NATS-023'));
    assert.deepEqual(idsOf(await streams.read(stream)), ['id-1']);
  });

  test('a repetition is refused by the stream after the duplicate window is over', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('window', { duplicate_window: 100_000_000 });
    const lane = uniqueName('lane');
    await using stale = await openNatsSink({ servers, stream }, lane);
    {
      // Before the newer one writes, the stale one knows the same place as the newer one.
      await using newer = await openNatsSink({ servers, stream }, lane);
      await newer.write(batchOf(1, 5), signal);
    }
    await untilWindowPassed(streams);
    await assert.rejects(stale.write(batchOf(1, 5), signal), withCode('HW-NATS-010'));
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 5));
    await assert.rejects(stale.readCheckpoint(signal), withCode('HW-NATS-011'));
  });

  test('an older writer of a lane is refused by name, and whatever it still published is counted once', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('zombie');
    const lane = uniqueName('lane');
    await using older = await openNatsSink({ servers, stream }, lane);
    await older.write(batchOf(1, 3), signal);
    await using newer = await openNatsSink({ servers, stream }, lane);
    // It is not too late for the older one: what it publishes is what comes next. Only its position is refused.
    await assert.rejects(older.write(batchOf(4, 6), signal), withCode('HW-NATS-011'));
    await assert.rejects(older.readCheckpoint(signal), withCode('HW-NATS-011'));
    await assert.rejects(newer.write(batchOf(4, 6), signal), withCode('HW-NATS-010'));
    assert.deepEqual(await newer.readCheckpoint(signal), sampleCheckpoint(6));
    await newer.write(batchOf(7, 9), signal);
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 9));
  });

  test('somebody else who publishes into the stream at any moment is named, and leaves no hole among the records', async (t) => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const seed = 20_261_127;
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    let interruptedCount = 0;
    for (let round = 0; round < 15; round += 1) {
      const stream = await streams.createNew('foreign');
      await using sink = await openNatsSink({ servers, stream, inFlightMax: 64 }, uniqueName('lane'));
      await sink.write(batchOf(1, 1), signal);
      const count = 200 + Math.floor(random.next() * 300);
      const written = sink.write(batchOf(2, count), signal).then(
        () => undefined,
        (error: unknown) => error,
      );
      const moment = Math.floor(random.next() * count);
      while ((await streams.lastSequence(stream)) < moment);
      await streams.publish(`${stream}.foreign`, 'x');
      const failure = await written;
      const ids = idsOf(await streams.read(stream));
      assert.deepEqual(ids, numberedIds(1, ids.length), 'what is there is everything up to a record');
      if (failure === undefined) continue;
      interruptedCount += 1;
      assert.ok(failure instanceof HeadwaterError && failure.code === 'HW-NATS-010');
      await assert.rejects(sink.readCheckpoint(signal), withCode('HW-NATS-012'));
    }
    assert.ok(interruptedCount > 0, 'at least one was in the middle');
  });

  test('goes on behind a foreign message once that is accepted, and skips nothing', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('accept');
    const lane = uniqueName('lane');
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 3), signal);
    }
    await streams.publish(`${stream}.foreign`, 'x');
    await assert.rejects(openNatsSink({ servers, stream }, lane), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-NATS-012');
      assert.match(error.hint, /acceptStreamSequence: 4\b/);
      return true;
    });
    await using sink = await openNatsSink({ servers, stream, acceptStreamSequence: 4 }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(3));
    await sink.write(batchOf(4, 5), signal);
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 5));
  });

  test('keeps its position where retention or a purge has removed every message', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('retention');
    const lane = uniqueName('lane');
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 3), signal);
      await streams.manager.streams.purge(stream);
      await sink.write(batchOf(4, 5), signal);
    }
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(4, 5));
    await streams.manager.streams.purge(stream);
    await using sink = await openNatsSink({ servers, stream }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(5));
    await sink.write(batchOf(6, 6), signal);
    assert.deepEqual(idsOf(await streams.read(stream)), ['id-6']);
  });

  test('keeps its position in a stream whose consumers take messages out of it', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('interest', { retention: 'interest' });
    const lane = uniqueName('lane');
    for (let first = 1; first < 9; first += 4) {
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(first, first + 3), signal);
    }
    await using sink = await openNatsSink({ servers, stream }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(8));
    assert.equal(await streams.lastSequence(stream), 8);
  });

  test('says so when an interrupted batch was purged, and repeats it only when told to', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('purged');
    const lane = uniqueName('lane');
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      await sink.write(batchOf(1, 3), signal);
    }
    await publishPart(streams, { stream, lane, batch: batchOf(4, 6), count: 2 });
    await streams.manager.streams.purge(stream);
    await assert.rejects(openNatsSink({ servers, stream }, lane), withCode('HW-NATS-013'));
    await using sink = await openNatsSink({ servers, stream, acceptStreamSequence: 5 }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(3));
  });

  test('refuses by name a stream that was deleted and made again', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('remade');
    const lane = uniqueName('lane');
    await using sink = await openNatsSink({ servers, stream }, lane);
    await sink.write(batchOf(1, 3), signal);
    await streams.manager.streams.delete(stream);
    await streams.create(stream);
    await assert.rejects(sink.write(batchOf(4, 4), signal), withCode('HW-NATS-010'));
    await assert.rejects(sink.readCheckpoint(signal), withCode('HW-NATS-014'));
    // As many messages as the lane had written do not make it the same stream.
    for (let count = 0; count < 3; count += 1) await streams.publish(`${stream}.other`, 'x');
    await assert.rejects(openNatsSink({ servers, stream }, lane), withCode('HW-NATS-014'));
  });

  test('goes on in the middle of a record that becomes several messages', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('parts');
    const lane = uniqueName('lane');
    const tables = ['a', 'b', 'c'].map((tableName, index) => ({ ...ordersTable, relationId: 1 + index, tableName }));
    const truncate: JournalRecord = { kind: 'truncate', ordinal: 0, tables, cascade: false, restartIdentity: false };
    const batch = sampleBatch([sampleOutbound(truncate)], { from: 0, to: 1 });
    {
      await using sink = await openNatsSink({ servers, stream }, lane);
      assert.equal(await sink.readCheckpoint(signal), undefined);
    }
    await publishPart(streams, { stream, lane, batch, count: 2 });
    await using sink = await openNatsSink({ servers, stream }, lane);
    const held = await sink.readCheckpoint(signal);
    assert.equal(held?.sequence, 0n);
    await sink.write(batch, signal);
    const messages = await streams.read(stream);
    assert.deepEqual(
      messages.map(({ subject }) => subject),
      ['a', 'b', 'c'].map((name) => `${stream}.change.public.${name}`),
    );
  });

  test('hostile names of tables and types become subjects of this stream and nothing else', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('names');
    await using sink = await openNatsSink({ servers, stream }, uniqueName('lane'));
    const names = ['order lines', 'a.b', '*', '>', 'größe', '日本', 'x\r\nPUB y 0', '$JS.API', ''];
    const records = names.map((tableName, index) =>
      sampleOutbound(sampleInsert(['1', '1.00', null], { ...ordersTable, relationId: 100 + index, tableName }), {
        sequence: index + 1,
      }),
    );
    await sink.write(sampleBatch(records, { from: 0, to: names.length }), signal);
    const messages = await streams.read(stream);
    assert.equal(new Set(messages.map(({ subject }) => subject)).size, names.length);
    for (const [index, { headers, subject }] of messages.entries()) {
      const token = subject.slice(`${stream}.change.public.`.length);
      assert.equal(decodeURIComponent(token === '%' ? '' : token), names[index]);
      assert.equal(decodeURIComponent(headers.get('headwater-table') ?? ''), names[index]);
    }
  });

  test('a subject that the stream does not take is named before anything is sent', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('covered');
    await using sink = await openNatsSink({ servers, stream }, uniqueName('lane'));
    const elsewhere = { ...numberedEvent(2), destination: `${stream}-other.place` };
    const batch = sampleBatch([numberedEvent(1), elsewhere], { from: 0, to: 2 });
    await assert.rejects(sink.write(batch, signal), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-NATS-021');
      assert.match(error.hint, /nats stream edit/);
      return true;
    });
    assert.equal(await streams.lastSequence(stream), 0);
    await streams.manager.streams.update(stream, { subjects: [`${stream}.>`, `${stream}-other.>`] });
    await using again = await openNatsSink({ servers, stream }, uniqueName('lane'));
    await again.write(batch, signal);
    assert.equal(await streams.lastSequence(stream), 2);
  });

  test('a record over the stream’s own limit is refused before anything of its batch is sent', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('size', { max_msg_size: 2_000 });
    await using sink = await openNatsSink({ servers, stream }, uniqueName('lane'));
    const large = sampleOutbound(sampleInsert(['2', '1.00', 'x'.repeat(2_000)]), { sequence: 2 });
    const batch = sampleBatch([numberedEvent(1), large], { from: 0, to: 2 });
    await assert.rejects(sink.write(batch, signal), withCode('HW-NATS-008'));
    await sink.write(batchOf(1, 1), signal);
    assert.deepEqual(idsOf(await streams.read(stream)), ['id-1']);
  });

  test('a full stream is waited for, and a batch that it took a part of goes on behind that part', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('full', { max_msgs: 3, discard: 'new' });
    await using sink = await openNatsSink({ servers, stream }, uniqueName('lane'));
    await assert.rejects(sink.write(batchOf(1, 5), signal), withCode('HW-NATS-009'));
    const held = await sink.readCheckpoint(signal);
    assert.equal(held?.sequence, 2n);
    assert.equal(held?.recordCount, 1);
    await streams.manager.streams.update(stream, { max_msgs: 10 });
    await sink.write({ ...batchOf(4, 5), from: held }, signal);
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 5));
  });

  test('a stream that is not fit is refused by name', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const origin = await streams.createNew('origin');
    const unfit = [
      await streams.createNew('memory', { storage: 'memory' }),
      await streams.createNew('no-ack', { no_ack: true }),
      await streams.createNew('sources', { sources: [{ name: origin }] }),
    ];
    for (const stream of unfit) {
      await assert.rejects(openNatsSink({ servers, stream }, uniqueName('lane')), withCode('HW-NATS-007'), stream);
    }
    const positionStream = await streams.createNew('limited', { max_age: 1_000_000_000 });
    const options = { servers, stream: origin, positionStream };
    await assert.rejects(openNatsSink(options, uniqueName('lane')), withCode('HW-NATS-007'));
  });

  test('several lanes are joined by a further stream that has theirs as its sources', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const lanes = [await streams.createNew('left'), await streams.createNew('right')];
    const joined = uniqueName('joined');
    await streams.manager.streams.add({ name: joined, sources: lanes.map((name) => ({ name })) });
    await Promise.all(
      lanes.map(async (stream) => {
        await using sink = await openNatsSink({ servers, stream }, uniqueName('lane'));
        for (let first = 1; first < 31; first += 10) await sink.write(batchOf(first, first + 9), signal);
      }),
    );
    await waitUntil('everything was joined', async () => (await streams.lastSequence(joined)) >= 60);
    const messages = await streams.read(joined);
    for (const stream of lanes) {
      const own = messages.filter(({ subject }) => subject.startsWith(`${stream}.`));
      assert.deepEqual(idsOf(own), numberedIds(1, 30));
    }
  });

  test('makes a missing stream only when told to, and leaves one that is there as it is', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = uniqueName('made');
    await assert.rejects(openNatsSink({ servers, stream }, uniqueName('lane')), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-NATS-006');
      assert.ok(error.hint.includes(`nats stream add ${stream} --subjects '${stream}.>'`));
      return true;
    });
    const lane = uniqueName('lane');
    for (const maxAgeMs of [60_000_000, 1_000]) {
      await using sink = await openNatsSink({ servers, stream, createStream: { maxAgeMs } }, lane);
      await sink.readCheckpoint(signal);
      const { config } = await streams.manager.streams.info(stream);
      assert.deepEqual([config.max_age, config.storage, config.subjects], [60_000_000e6, 'file', [`${stream}.>`]]);
    }
  });

  test('a lane of another journal is shown with its place, and the writer at work there stays undisturbed', async () => {
    const servers = await natsServers();
    await using streams = await TestStreams.open(servers);
    const stream = await streams.createNew('journal');
    const lane = uniqueName('lane');
    await using working = await openNatsSink({ servers, stream }, lane);
    await working.write(batchOf(1, 1), signal);
    await using stranger = await openNatsSink({ servers, stream }, lane, { journalId: 'another' });
    assert.deepEqual(await stranger.readCheckpoint(signal), sampleCheckpoint(1));
    await assert.rejects(stranger.write(batchOf(2, 2), signal), HeadwaterError);
    await working.write(batchOf(2, 2), signal);
    assert.deepEqual(idsOf(await streams.read(stream)), numberedIds(1, 2));
  });
});

/** Publishes the first messages of a batch as a process does that is killed in the middle of it. */
async function publishPart(
  streams: TestStreams,
  part: {
    readonly stream: string;
    readonly lane: string;
    readonly batch: Parameters<typeof planBatch>[0];
    readonly count: number;
  },
): Promise<void> {
  const options = { owner: `test/${part.lane}`, messageBytesMax: 1_000_000, part: 0, subjectPrefix: part.stream };
  for (const message of planBatch(part.batch, options).slice(0, part.count)) {
    await streams.publish(
      message.subject,
      new TextDecoder().decode(message.payload),
      Object.fromEntries(message.headers),
    );
  }
}

/** Waits until a stream with the same window, and an id that was published later, takes that id again. */
async function untilWindowPassed(streams: TestStreams): Promise<void> {
  const probe = await streams.createNew('probe', { duplicate_window: 100_000_000 });
  const publish = () => streams.publish(`${probe}.x`, 'x', { 'Nats-Msg-Id': 'probe' });
  const first = await publish();
  await waitUntil('the duplicate window has passed', async () => (await publish()) > first);
}
