import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommittedReader, type FetchedBatch } from './committed-reader.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function data(
  firstOffset: bigint,
  producerId: bigint,
  values: readonly string[],
  isTransactional = true,
): FetchedBatch {
  return {
    firstOffset,
    lastOffsetDelta: values.length - 1,
    attributes: isTransactional ? 0x10 : 0,
    producerId,
    records: values.map((value, offsetDelta) => ({ offsetDelta, key: null, value: encode(value) })),
  };
}

function marker(firstOffset: bigint, producerId: bigint, type: 'abort' | 'commit'): FetchedBatch {
  const key = Uint8Array.of(0, 0, 0, type === 'commit' ? 1 : 0);
  return {
    firstOffset,
    lastOffsetDelta: 0,
    attributes: 0x30,
    producerId,
    records: [{ offsetDelta: 0, key, value: encode('') }],
  };
}

const values = (records: readonly { readonly value: Uint8Array | null | undefined }[]): string[] =>
  records.map(({ value }) => new TextDecoder().decode(value ?? undefined));

test('records of an aborted transaction are left out, also when another producer writes between them', () => {
  const reader = new CommittedReader(0n);
  const taken = reader.take({
    records: [
      data(0n, 1n, ['a']),
      data(1n, 2n, ['b']),
      data(2n, 1n, ['c']),
      marker(3n, 1n, 'abort'),
      marker(4n, 2n, 'commit'),
    ],
    abortedTransactions: [{ producerId: 1n, firstOffset: 0n }],
  });
  assert.deepEqual(values(taken), ['b']);
  assert.equal(reader.nextOffset, 5n);
});

test('an abort marker ends the aborted stretch of its producer', () => {
  const reader = new CommittedReader(0n);
  const taken = reader.take({
    records: [data(0n, 1n, ['a']), marker(1n, 1n, 'abort'), data(2n, 1n, ['b']), marker(3n, 1n, 'commit')],
    abortedTransactions: [{ producerId: 1n, firstOffset: 0n }],
  });
  assert.deepEqual(values(taken), ['b']);
});

test('an aborted transaction that spans two fetches is left out of both', () => {
  const reader = new CommittedReader(0n);
  const abortedTransactions = [{ producerId: 1n, firstOffset: 0n }];
  assert.deepEqual(values(reader.take({ records: [data(0n, 1n, ['a'])], abortedTransactions })), []);
  const second = [data(1n, 1n, ['b']), marker(2n, 1n, 'abort'), data(3n, 1n, ['c']), marker(4n, 1n, 'commit')];
  assert.deepEqual(values(reader.take({ records: second, abortedTransactions })), ['c']);
});

test('a record is taken once although a fetch begins before the wanted offset', () => {
  const reader = new CommittedReader(0n);
  const records = [data(0n, -1n, ['a', 'b', 'c'], false)];
  reader.take({ records, abortedTransactions: null });
  assert.deepEqual(values(reader.take({ records, abortedTransactions: null })), []);
  assert.deepEqual(values(new CommittedReader(1n).take({ records, abortedTransactions: null })), ['b', 'c']);
});
