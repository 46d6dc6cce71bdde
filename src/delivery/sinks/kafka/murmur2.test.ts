import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { murmur2 as murmur2OfClient } from '@platformatic/kafka';
import { murmur2, partitionOfKey } from './murmur2.ts';

// UtilsTest of the Java client:
// https://github.com/apache/kafka/blob/trunk/clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
const vectors: readonly (readonly [string, number])[] = [
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
];

test("a key has the same hash as in Kafka's Java client", () => {
  for (const [text, hash] of vectors) assert.equal(murmur2(new TextEncoder().encode(text)), hash, text);
});

test('a key of any bytes has the same hash as in an independent implementation', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.equal(murmur2(bytes), murmur2OfClient(Buffer.from(bytes)));
    }),
  );
});

test('a key goes to the partition to which Java producers send it', () => {
  const key = new TextEncoder().encode('foobar');
  assert.equal(partitionOfKey(key, 12), (-790_332_482 & 0x7fff_ffff) % 12);
  assert.equal(partitionOfKey(key, 1), 0);
});
