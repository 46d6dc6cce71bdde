import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kafkaBrokers, skipReason } from '../../../../scripts/services/testing.ts';
import type { ErrorCode } from '../../../foundation/error-codes.ts';
import { HeadwaterError } from '../../../foundation/error.ts';
import { findLoopbackPort } from '../../../postgres/loopback-port.ts';
import { partitionOfKey } from './murmur2.ts';
import { openTestSink } from './testing/open-test-sink.ts';
import { sampleBatch, sampleCheckpoint, sampleEvent, sampleOutbound } from './testing/sample-records.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import type { OutboundRecord } from '../../sink.ts';
import { ordersTable, sampleInsert } from './testing/sample-records.ts';
import { type ConsumedRecord, TestTopics, uniqueName } from './testing/test-topics.ts';

const signal = new AbortController().signal;
const withCode = (code: ErrorCode) => (error: unknown) => error instanceof HeadwaterError && error.code === code;
const idsOf = (records: readonly ConsumedRecord[]): (string | undefined)[] =>
  records.map(({ headers }) => headers.find(([name]) => name === 'headwater-id')?.[1]);

/** An event of its own in the transaction with this number. */
function event(sequence: number, key: string | null = `key-${sequence % 7}`): OutboundRecord {
  return sampleOutbound(sampleEvent({ id: `id-${sequence}`, key }), { sequence });
}

describe('the Kafka sink', { skip: await skipReason('kafka') }, () => {
  test('records of a key stand in commit order in the partition to which Java producers send the key', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('order', 4);
    await using sink = await openTestSink({ brokers, topic }, uniqueName('lane'));
    for (let from = 0; from < 60; from += 20) {
      const records = Array.from({ length: 20 }, (_, index) => event(from + index + 1));
      await sink.write(sampleBatch(records, { from, to: from + 20 }), signal);
    }
    const consumed = await topics.readCommitted(topic, 4);
    assert.equal(new Set(idsOf(consumed)).size, 60);
    for (const [key, group] of Map.groupBy(consumed, (record) => record.key)) {
      const numbers = idsOf(group).map((id) => Number(id?.slice(3)));
      assert.deepEqual(
        numbers,
        numbers.toSorted((left, right) => left - right),
        String(key),
      );
      const partition = partitionOfKey(new TextEncoder().encode(key ?? ''), 4);
      assert.ok(group.every((record) => record.partition === partition));
    }
  });

  test('a lane goes on where its position in Kafka says, and a new lane has none', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('position', 2);
    const lane = uniqueName('lane');
    const positionTopic = uniqueName('positions');
    {
      await using sink = await openTestSink({ brokers, topic, positionTopic }, lane);
      assert.equal(await sink.readCheckpoint(signal), undefined);
      await sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
      await sink.write(sampleBatch([], { from: 1, to: 5 }), signal);
    }
    await using sink = await openTestSink({ brokers, topic, positionTopic }, lane);
    assert.deepEqual(await sink.readCheckpoint(signal), sampleCheckpoint(5));
    await using other = await openTestSink({ brokers, topic, positionTopic }, uniqueName('lane'));
    assert.equal(await other.readCheckpoint(signal), undefined);
  });

  test('a batch that does not begin where the position ends is refused', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('mismatch', 1);
    await using sink = await openTestSink({ brokers, topic }, uniqueName('lane'));
    await sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    await assert.rejects(sink.write(sampleBatch([event(3)], { from: 2, to: 3 }), signal), withCode('HW-KAFKA-014'));
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1']);
  });

  test('an older writer of a lane is refused by name and writes nothing that is visible', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('zombie', 1);
    const lane = uniqueName('lane');
    await using older = await openTestSink({ brokers, topic }, lane);
    await older.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    await using newer = await openTestSink({ brokers, topic }, lane);
    await assert.rejects(older.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal), withCode('HW-KAFKA-011'));
    await assert.rejects(older.readCheckpoint(signal), withCode('HW-KAFKA-011'));
    assert.deepEqual(await newer.readCheckpoint(signal), sampleCheckpoint(1));
    await newer.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal);
    await assert.rejects(older.readCheckpoint(signal), withCode('HW-KAFKA-011'));
    await newer.write(sampleBatch([event(3)], { from: 2, to: 3 }), signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1', 'id-2', 'id-3']);
  });

  test('a lane of another journal is shown with its place, and the writer at work there stays undisturbed', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('journal', 1);
    const lane = uniqueName('lane');
    await using working = await openTestSink({ brokers, topic }, lane);
    await working.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    await using stranger = await openTestSink({ brokers, topic }, lane, { journalId: 'another' });
    assert.deepEqual(await stranger.readCheckpoint(signal), sampleCheckpoint(1));
    await assert.rejects(stranger.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal), HeadwaterError);
    await working.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1', 'id-2']);
  });

  test('a changed number of partitions is refused by name, also after a restart, until it is accepted', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('partitions', 2);
    const lane = uniqueName('lane');
    {
      await using sink = await openTestSink({ brokers, topic }, lane);
      await sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    }
    await topics.addPartitions(topic, 3);
    {
      await using sink = await openTestSink({ brokers, topic }, lane);
      await assert.rejects(sink.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal), (error: unknown) => {
        assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-012');
        assert.deepEqual(error.details, { topic, known: 2, found: 3 });
        return true;
      });
    }
    await using sink = await openTestSink({ brokers, topic, acceptPartitionCounts: { [topic]: 3 } }, lane);
    await sink.write(sampleBatch([event(2)], { from: 1, to: 2 }), signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 3)).toSorted(), ['id-1', 'id-2']);
  });

  test('a record larger than its topic takes is refused by name before anything of its batch is sent', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('oversized', 1, { 'max.message.bytes': '4000' });
    await using sink = await openTestSink({ brokers, topic }, uniqueName('lane'));
    const large = sampleOutbound(sampleEvent({ id: 'large', payload: new Uint8Array(4000) }), { sequence: 2 });
    await assert.rejects(sink.write(sampleBatch([event(1), large], { from: 0, to: 2 }), signal), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-008');
      assert.equal(error.details['recordId'], 'large');
      assert.equal(error.details['limit'], 4000 - 61);
      return true;
    });
    assert.equal(await topics.endOffset(topic, 0), 0n);
    await sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), ['id-1']);
  });

  test('the largest record that a topic takes is taken', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('fits', 1, { 'max.message.bytes': '4000' });
    await using sink = await openTestSink({ brokers, topic }, uniqueName('lane'));
    let refused = 0;
    let from = 0;
    for (let payloadBytes = 3500; payloadBytes < 3700 && refused === 0; payloadBytes += 1) {
      const record = sampleOutbound(sampleEvent({ id: 'x', payload: new Uint8Array(payloadBytes) }), { sequence: 1 });
      try {
        await sink.write(sampleBatch([record], { from, to: from + 1 }), signal);
        from += 1;
      } catch (error) {
        assert.ok(withCode('HW-KAFKA-008')(error), String(error));
        refused = payloadBytes;
      }
    }
    assert.ok(refused > 3500);
    assert.equal((await topics.readCommitted(topic, 1)).length, from);
  });

  test('a batch larger than one request of a topic is split and stays in order', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('split', 1, { 'max.message.bytes': '4000' });
    await using sink = await openTestSink({ brokers, topic, compression: 'none' }, uniqueName('lane'));
    const records = Array.from({ length: 100 }, (_, index) => event(index + 1, 'k'));
    await sink.write(sampleBatch(records, { from: 0, to: 100 }), signal);
    await sink.write(sampleBatch([event(101, 'k')], { from: 100, to: 101 }), signal);
    const expected = Array.from({ length: 101 }, (_, index) => `id-${index + 1}`);
    assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), expected);
  });

  /** Numbers of the codecs in a batch's attributes: https://kafka.apache.org/documentation/#recordbatch */
  const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`records sent with compression ${compression} are kept so, and can be read by Kafka itself`, async () => {
      const brokers = await kafkaBrokers();
      await using topics = await TestTopics.open(brokers);
      // Into the second topic the broker writes what it has read itself, in another form.
      const kept = await topics.create(compression, 1);
      const rewritten = await topics.create(compression, 1, {
        'compression.type': compression === 'none' ? 'gzip' : 'uncompressed',
      });
      for (const topic of [kept, rewritten]) {
        await using sink = await openTestSink({ brokers, topic, compression }, uniqueName('lane'));
        const records = Array.from({ length: 100 }, (_, index) => event(index + 1));
        await sink.write(sampleBatch(records, { from: 0, to: 100 }), signal);
        const expected = records.map((_, index) => `id-${index + 1}`);
        assert.deepEqual(idsOf(await topics.readCommitted(topic, 1)), expected);
      }
      assert.deepEqual(await topics.codecsOf(kept), [codecs[compression]]);
      assert.deepEqual(await topics.codecsOf(rewritten), [compression === 'none' ? codecs.gzip : codecs.none]);
    });
  }

  test('a truncate stands in every partition between what it emptied and what came after it', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const topic = await topics.create('truncate', 3);
    await using sink = await openTestSink({ brokers, topic }, uniqueName('lane'));
    const insert = (id: number, sequence: number): OutboundRecord =>
      sampleOutbound(sampleInsert([String(id), '1', null]), { sequence, ordinal: id });
    const truncate: JournalRecord = {
      kind: 'truncate',
      ordinal: 0,
      tables: [ordersTable],
      cascade: false,
      restartIdentity: false,
    };
    const before = Array.from({ length: 12 }, (_, id) => insert(id, 1));
    const after = Array.from({ length: 12 }, (_, id) => insert(id, 3));
    const records = [...before, sampleOutbound(truncate, { sequence: 2 }), ...after];
    await sink.write(sampleBatch(records, { from: 0, to: 3 }), signal);
    const consumed = await topics.readCommitted(topic, 3);
    assert.equal(new Set(idsOf(consumed)).size, 27);
    for (let partition = 0; partition < 3; partition += 1) {
      const sequences = consumed
        .filter((record) => record.partition === partition)
        .map(({ headers }) => headers.find(([name]) => name === 'headwater-sequence')?.[1]);
      assert.deepEqual(sequences, sequences.toSorted());
      assert.equal(sequences.filter((sequence) => sequence === '2').length, 1);
    }
  });

  test('a missing topic is refused with the command that makes it, at open when it is known then', async () => {
    const brokers = await kafkaBrokers();
    const topic = uniqueName('missing');
    const isRefusal = (error: unknown): boolean => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-006');
      assert.match(error.hint, new RegExp(`--create --topic '${topic}'`));
      return true;
    };
    await assert.rejects(openTestSink({ brokers, topic }, uniqueName('lane')), isRefusal);
    await using sink = await openTestSink({ brokers, topic: () => topic }, uniqueName('lane'));
    await assert.rejects(sink.write(sampleBatch([event(1)], { from: 0, to: 1 }), signal), isRefusal);
    assert.equal(await sink.readCheckpoint(signal), undefined);
  });

  test('a position topic that would lose positions is refused with the command that mends it', async () => {
    const brokers = await kafkaBrokers();
    await using topics = await TestTopics.open(brokers);
    const positionTopic = uniqueName('positions');
    await topics.createNamed(positionTopic, 1, { 'cleanup.policy': 'delete' });
    await assert.rejects(openTestSink({ brokers, positionTopic }, uniqueName('lane')), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-007');
      assert.match(error.hint, /cleanup\.policy=compact/);
      return true;
    });
    await topics.set(positionTopic, 'cleanup.policy', 'compact');
    await using sink = await openTestSink({ brokers, positionTopic }, uniqueName('lane'));
    assert.equal(await sink.readCheckpoint(signal), undefined);
    const split = uniqueName('positions');
    await topics.createNamed(split, 2, { 'cleanup.policy': 'compact' });
    await assert.rejects(openTestSink({ brokers, positionTopic: split }, uniqueName('lane')), withCode('HW-KAFKA-007'));
  });

  test('brokers that cannot be reached are waited for', async () => {
    const brokers = [`127.0.0.1:${await findLoopbackPort()}`];
    await assert.rejects(openTestSink({ brokers }, uniqueName('lane')), (error: unknown) => {
      assert.ok(error instanceof HeadwaterError && error.code === 'HW-KAFKA-003');
      assert.equal(error.policy, 'retry');
      return true;
    });
  });

  test('a listener without TLS gets nothing in clear text when TLS is asked for', async () => {
    const brokers = await kafkaBrokers();
    await assert.rejects(openTestSink({ brokers, tls: {} }, uniqueName('lane')), withCode('HW-KAFKA-003'));
  });

  test('an aborted open leaves nothing behind and rejects with the reason', async () => {
    const brokers = await kafkaBrokers();
    const aborted = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(openTestSink({ brokers }, uniqueName('lane'), { signal: aborted }), /stopped/);
  });
});
