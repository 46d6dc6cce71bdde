import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compressionsAlgorithms,
  crc32c,
  createRecordsBatch,
  NumericMap,
  Reader,
  readRecordsBatch,
} from '@platformatic/kafka';
import fc from 'fast-check';
import { type BatchRecord, encodeHeaderName, encodeHeaders, RecordBatchBuilder } from './record-batch.ts';

const producer = { producerId: 7_000_000_001n, producerEpoch: 3, firstSequence: 41, timestampMs: 1_800_000_000_000n };
const checksum = (bytes: Uint8Array): number => crc32c(Buffer.from(bytes));

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom(
    '',
    'x'.repeat(63),
    'x'.repeat(64),
    'ä'.repeat(33),
    'é'.repeat(64),
    '€'.repeat(3000),
    'x'.repeat(8191),
  ),
);
const bytes = fc.uint8Array({ maxLength: 100 });
const record: fc.Arbitrary<BatchRecord> = fc.record({
  key: fc.option(bytes),
  value: fc.oneof(text, bytes, fc.constant(null)),
  sharedHeaders: fc.array(
    fc.array(fc.tuple(text, text), { maxLength: 2 }).map((pairs) => encodeHeaders(pairs.map(toHeader))),
    { maxLength: 2 },
  ),
  headers: fc.array(fc.tuple(text, text).map(toHeader), { maxLength: 3 }),
});

function toHeader([name, value]: [string, string]): BatchRecord['headers'][number] {
  return { name: encodeHeaderName(name), value };
}

test('a batch reads back record for record, whatever its texts and bytes are', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), (records) => {
      const builder = new RecordBatchBuilder(0);
      const lengths = records.map((each) => builder.append(each));
      const encoded = builder.encode(producer, checksum);
      assert.equal(encoded.length, builder.byteCount);
      assert.equal(encoded.length, 61 + lengths.reduce((sum, length) => sum + length, 0));
      const batch = readRecordsBatch(Reader.from(Buffer.from(encoded)));
      assert.equal(batch.crc, crc32c(Buffer.from(encoded.subarray(21))));
      assert.equal(batch.producerId, producer.producerId);
      assert.equal(batch.firstSequence, producer.firstSequence);
      assert.equal(batch.lastOffsetDelta, records.length - 1);
      assert.equal(batch.records.length, records.length);
      for (const [index, each] of records.entries()) {
        const read = batch.records[index];
        assert.ok(read !== undefined);
        assert.equal(read.offsetDelta, index);
        assert.deepEqual(read.key, each.key === null ? null : Buffer.from(each.key));
        assert.deepEqual(read.value, each.value === null ? null : Buffer.from(each.value));
        const own = each.headers.map(({ name, value }) => `${name.text}=${value}`);
        assert.deepEqual(
          read.headers.map(([name, value]) => `${String(name)}=${String(value)}`).slice(-own.length || Infinity),
          own,
        );
        const shared = each.sharedHeaders.reduce((sum, { count }) => sum + count, 0);
        assert.equal(read.headers.length, shared + own.length);
      }
    }),
  );
});

test('a batch has the same bytes as one that the client writes', () => {
  const headers = new Map([[Buffer.from('headwater-id'), Buffer.from('a')]]);
  const message = { topic: 't', partition: 0, key: Buffer.from('k'), value: Buffer.from('{"a":1}'), headers };
  const timestamp = producer.timestampMs;
  const sequences = new NumericMap();
  sequences.set('t:0', producer.firstSequence);
  const theirs = createRecordsBatch(
    [
      { ...message, timestamp },
      { ...message, timestamp },
    ],
    {
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      sequences,
      transactionalId: 'x',
      partitionLeaderEpoch: -1,
    },
  );
  const builder = new RecordBatchBuilder(16);
  const ours: BatchRecord = {
    key: message.key,
    value: '{"a":1}',
    sharedHeaders: [],
    headers: [toHeader(['headwater-id', 'a'])],
  };
  builder.append(ours);
  builder.append(ours);
  assert.equal(builder.encode(producer, checksum).toString('hex'), theirs.buffer.toString('hex'));
});

for (const name of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`a batch compressed with ${name} reads back`, () => {
    const builder = new RecordBatchBuilder(16);
    for (let index = 0; index < 50; index += 1) {
      builder.append({ key: null, value: `value ${index} `.repeat(20), sharedHeaders: [], headers: [] });
    }
    const { bitmask, compressSync } = compressionsAlgorithms[name];
    const encoded = builder.encode(producer, checksum, { attributes: bitmask, compress: compressSync });
    assert.ok(encoded.length < builder.byteCount);
    const batch = readRecordsBatch(Reader.from(Buffer.from(encoded)));
    assert.equal(String(batch.records[49]?.value), 'value 49 '.repeat(20));
  });
}

test('a record that is taken back leaves no trace', () => {
  const builder = new RecordBatchBuilder(16);
  const keep: BatchRecord = { key: null, value: 'keep', sharedHeaders: [], headers: [] };
  builder.append(keep);
  builder.dropLast(builder.append({ ...keep, value: 'x'.repeat(5000) }));
  const batch = readRecordsBatch(Reader.from(Buffer.from(builder.encode(producer, checksum))));
  assert.deepEqual(
    batch.records.map((each) => String(each.value)),
    ['keep'],
  );
});
