import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadwaterError } from '../../../foundation/error.ts';
import { sampleCheckpoint } from '../kafka/testing/sample-records.ts';
import {
  decodeEntry,
  decodePositionHeaders,
  encodeEntry,
  encodeOwner,
  encodePositionHeaders,
} from './lane-position.ts';

const isUnreadable = (error: unknown): boolean => error instanceof HeadwaterError && error.code === 'HW-NATS-015';
const owner = encodeOwner({ installation: 'shop/eu', laneName: 'größe 1' });
const getter = (lines: readonly (readonly [string, string])[]) => (name: string) => new Map(lines).get(name) ?? '';

test('the position in the headers of a message comes back as it was', () => {
  for (const part of [0, 3]) {
    const position = { checkpoint: sampleCheckpoint(7), part };
    assert.deepEqual(decodePositionHeaders(owner, getter(encodePositionHeaders(owner, position))), position);
  }
});

test('a message of another lane, or of nobody, is not taken for one of this lane', () => {
  const lines = encodePositionHeaders(owner, { checkpoint: sampleCheckpoint(7), part: 0 });
  const others = [
    { installation: 'shop', laneName: 'eu/größe 1' },
    { installation: 'shop/eu', laneName: 'größe' },
  ];
  for (const other of others) assert.equal(decodePositionHeaders(encodeOwner(other), getter(lines)), undefined);
  assert.equal(
    decodePositionHeaders(owner, () => ''),
    undefined,
  );
});

test('a position of this lane that cannot be read is refused, never guessed', () => {
  const lane: [string, string] = ['headwater-lane', owner];
  const checkpoint: [string, string] = ['headwater-checkpoint', '{}'];
  assert.throws(() => decodePositionHeaders(owner, getter([lane])), isUnreadable);
  assert.throws(() => decodePositionHeaders(owner, getter([lane, checkpoint])), isUnreadable);
  const good = encodePositionHeaders(owner, { checkpoint: sampleCheckpoint(7), part: 0 });
  assert.throws(() => decodePositionHeaders(owner, getter([...good, ['headwater-part', '-1']])), isUnreadable);
});

test('the entry of the position stream comes back as it was, in the form of version 1', () => {
  const entry = {
    writer: 'w',
    stream: 'ORDERS',
    created: '2026-01-01T00:00:00Z',
    streamSequence: 17,
    checkpoint: sampleCheckpoint(7),
    part: 1,
  };
  assert.deepEqual(decodeEntry(encodeEntry(entry)), entry);
  const empty = { ...entry, checkpoint: undefined, part: 0 };
  assert.deepEqual(decodeEntry(encodeEntry(empty)), empty);
  assert.equal(
    encodeEntry(empty),
    '{"version":1,"writer":"w","stream":"ORDERS","created":"2026-01-01T00:00:00Z","streamSequence":17,"part":0,"checkpoint":null}',
  );
});

test('an entry of a newer release, or of somebody else, is refused', () => {
  for (const text of ['', '17', 'null', '{}', '{"version":2}', '{"version":1,"writer":"w"}']) {
    assert.throws(() => decodeEntry(text), isUnreadable, text);
  }
});
