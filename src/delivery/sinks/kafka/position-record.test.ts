import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { encodeCounts, encodePosition, foldPositionRecord, type LaneRecords } from './position-record.ts';
import { sampleCheckpoint, sampleJournalId } from './testing/sample-records.ts';

const owner = { installation: 'shop', laneName: 'orders', journalId: sampleJournalId };
const nothing: LaneRecords = { position: undefined, counts: new Map() };
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const fold = (known: LaneRecords, key: Uint8Array, value: string | null, reader = owner): LaneRecords =>
  foldPositionRecord(known, reader, { key, value: value === null ? null : encode(value) });

test('position records have the layout of version 1', () => {
  const position = encodePosition(owner, { writer: 'w1', checkpoint: sampleCheckpoint(2) });
  assert.equal(new TextDecoder().decode(position.key), `["shop","orders","${sampleJournalId}"]`);
  assert.equal(
    position.value,
    `{"version":1,"writer":"w1","checkpoint":{"version":1,"journalId":"${sampleJournalId}","sequence":"2","recordCount":0,"systemId":"7385000000000000001","timeline":1,"commitEndLsn":"4294967856","commitTimeMicros":"1800000002123456"}}`,
  );
  const counts = encodeCounts(owner, new Map([['public.orders', 12]]));
  assert.equal(new TextDecoder().decode(counts.key), `["shop","orders","${sampleJournalId}","topics"]`);
  assert.equal(counts.value, '{"version":1,"partitions":{"public.orders":12}}');
});

test('the last position and the last counts of a lane are what counts', () => {
  let known = nothing;
  for (const sequence of [1, 2]) {
    const { key, value } = encodePosition(owner, { writer: 'w', checkpoint: sampleCheckpoint(sequence) });
    known = fold(known, key, value);
  }
  const counts = encodeCounts(owner, new Map([['t', 3]]));
  known = fold(known, counts.key, counts.value);
  assert.deepEqual(known.position, { writer: 'w', checkpoint: sampleCheckpoint(2) });
  assert.deepEqual([...known.counts], [['t', 3]]);
});

test('positions of other lanes and installations, and records of others, change nothing', () => {
  for (const other of [
    { ...owner, laneName: 'invoices' },
    { ...owner, installation: 'other' },
  ]) {
    const { key, value } = encodePosition(other, { writer: 'w', checkpoint: sampleCheckpoint(9) });
    assert.equal(fold(nothing, key, value), nothing);
  }
  assert.equal(fold(nothing, encode('not ours'), 'x'), nothing);
  assert.equal(fold(nothing, encode('{"a":1}'), 'x'), nothing);
});

test('a position with another journal is met, so that the lane can refuse it', () => {
  const { key, value } = encodePosition(
    { ...owner, journalId: 'j2' },
    { writer: 'w', checkpoint: sampleCheckpoint(9, 'j2') },
  );
  assert.equal(fold(nothing, key, value).position?.checkpoint?.journalId, 'j2');
});

test('a position that was deleted is gone', () => {
  const { key, value } = encodePosition(owner, { writer: 'w', checkpoint: undefined });
  const known = fold(nothing, key, value);
  assert.deepEqual(known.position, { writer: 'w', checkpoint: undefined });
  assert.equal(fold(known, key, null).position, undefined);
});

test('a position of an unknown version, or none that can be read, is refused and never guessed', () => {
  const { key } = encodePosition(owner, { writer: 'w', checkpoint: undefined });
  const values = ['{"version":2}', 'x', '[]', '{"version":1}', '{"version":1,"writer":7,"checkpoint":null}'];
  for (const value of values) {
    assert.throws(
      () => fold(nothing, key, value),
      (error: unknown) => error instanceof HeadwaterError && error.code === 'HW-KAFKA-015',
      value,
    );
  }
});
