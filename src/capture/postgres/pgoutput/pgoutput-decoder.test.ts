import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { HeadwaterError } from '../../../foundation/error.ts';
import { unchanged } from '../../../model/row.ts';
import {
  begin,
  commit,
  insert,
  keepalive,
  logicalMessage,
  relation,
  tuple,
  uint32,
  walPiece,
} from '../../testing/stream-bytes.ts';
import type { TransactionDecoder } from '../../transaction-decoder.ts';
import type { JournalRecord } from '../../../model/journal-record.ts';
import { bodyOf15, bodyOf18 } from './captured-bodies.fixture.ts';
import { createPgoutputDecoder } from './pgoutput-decoder.ts';

const encoding = 'pgoutput-copy/1';

function createDecoder(adoptedOutboxes: { schemaName: string; tableName: string }[] = []): TransactionDecoder {
  return createPgoutputDecoder({ installation: 'test', outboxSchema: 'headwater', adoptedOutboxes });
}

/*
 * The captured transaction:
 *   create type mood as enum ('fine', 'so-so');
 *   create table "Größe" (id bigint primary key, amount numeric(10,2), body text storage external, feeling mood, raw bytea);
 *   create table whole (a int, b text) with replica identity full
 *   insert (1, 1.50, 2,100 × 'x', null, null); insert (9007199254740993, 'NaN', E'Zeile\n日本', 'so-so', '\x00ff');
 *   update amount; update id; delete; insert, update, delete in whole; a foreign message and an event; truncate both cascade
 */
for (const [version, body] of [
  ['15.18', bodyOf15],
  ['18.4', bodyOf18],
] as const) {
  describe(`bytes captured from PostgreSQL ${version}`, () => {
    test('every message becomes the record it stands for, text-exact, with value, null and unchanged apart', () => {
      const { records, counts } = createDecoder().decodeBody(encoding, body, 0);
      assert.deepEqual(
        records.map(({ kind }) => kind),
        ['insert', 'insert', 'update', 'update', 'delete', 'insert', 'update', 'event', 'delete', 'truncate'],
      );
      assert.deepEqual(
        records.map(({ ordinal }) => ordinal),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      );
      assert.deepEqual(counts, { foreignMessages: 1, adoptedOutboxChanges: 0, outboxChanges: 0 });
      for (const byteCount of [1, 100, 300, 1000, body.length, 1_000_000]) {
        const decoder = createDecoder();
        const pieced: JournalRecord[] = [];
        for (let rest = body; rest.length > 0;) {
          const length = decoder.cutBody(encoding, rest, byteCount);
          assert.ok(length >= Math.min(byteCount, rest.length), 'a piece reaches the size that was asked for');
          pieced.push(...decoder.decodeBody(encoding, rest.subarray(0, length), pieced.length).records);
          rest = rest.subarray(length);
        }
        assert.deepEqual(pieced, records, `cut at ${byteCount}`);
      }
      const [first, second, amount, key, removed, , whole, event, , truncated] = records;
      assert.ok(first?.kind === 'insert' && second?.kind === 'insert');
      assert.deepEqual(first.after, ['1', '1.50', 'x'.repeat(2100), null, null]);
      assert.deepEqual(second.after, ['9007199254740993', 'NaN', 'Zeile\n日本', 'so-so', '\\x00ff']);
      assert.deepEqual(
        second.table.columns.map(({ name, isKey, typeModifier }) => [name, isKey, typeModifier]),
        [
          ['id', true, -1],
          ['amount', false, 655366],
          ['body', false, -1],
          ['feeling', false, -1],
          ['raw', false, -1],
        ],
      );
      assert.equal(second.table.tableName, 'Größe');
      assert.ok(amount?.kind === 'update' && key?.kind === 'update');
      assert.deepEqual(
        [amount.beforeKind, amount.before, amount.after],
        ['none', undefined, ['1', '2.00', unchanged, null, null]],
      );
      assert.deepEqual([key.beforeKind, key.before], ['key', ['1', null, null, null, null]]);
      assert.ok(
        removed?.kind === 'delete' &&
          whole?.kind === 'update' &&
          event?.kind === 'event' &&
          truncated?.kind === 'truncate',
      );
      assert.deepEqual(removed.before, ['9007199254740993', null, null, null, null]);
      assert.deepEqual([whole.beforeKind, whole.before, whole.after], ['full', ['1', null], ['1', 'new']]);
      assert.equal(Buffer.from(event.event.payload).toString(), '{"n":1}');
      assert.deepEqual(
        truncated.tables.map(({ tableName }) => tableName),
        ['Größe', 'whole'],
      );
      assert.ok(truncated.cascade && truncated.restartIdentity);
    });

    test('a body cut at any length gives the messages before the cut, or a typed error, and leaves the decoder as it was', () => {
      const decoder = createDecoder();
      for (let length = 0; length < body.length; length += 1) {
        const isWhole = messageEnds(body).has(length);
        if (isWhole) decoder.decodeBody(encoding, body.subarray(0, length), 0);
        else assert.throws(() => decoder.decodeBody(encoding, body.subarray(0, length), 0), { code: 'HW-CAPTURE-002' });
      }
      assert.equal(createDecoder().decodeBody(encoding, body, 0).records.length, 10);
    });

    test('a message whose own fields are cut short or run over is refused', () => {
      for (const [start, end] of messageRanges(body)) {
        for (const change of [-1, 1]) {
          const output = Buffer.alloc(Math.max(1, end - start - 30 + change));
          Buffer.from(body).copy(output, 0, start + 30, Math.min(end, start + 30 + output.length));
          const forged = Buffer.concat([body.subarray(0, start), walPiece(output)]);
          assert.throws(() => createDecoder().decodeBody(encoding, forged, 0), HeadwaterError);
        }
      }
    });

    test('whatever bytes are changed, nothing but a typed error comes out', () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
          (changes) => {
            const forged = Buffer.from(body);
            for (const [at, value] of changes) forged[at] = value;
            assertTyped(() => createDecoder().decodeBody(encoding, forged, 0));
            assertTyped(() => createDecoder().learnSchema(forged.subarray(30)));
          },
        ),
        { numRuns: 500 },
      );
    });
  });
}

describe('pgoutput decoder', () => {
  const people = relation(7, 'people', [{ name: 'id', isKey: true }, { name: 'name' }]);

  test('a schema that was learned before a body is enough to read it', () => {
    const decoder = createDecoder();
    decoder.learnSchema(people.subarray(30));
    const body = Buffer.concat([begin(10n, 1), insert(7, ['1', 'A']), commit(10n, 20n)]);
    const [record] = decoder.decodeBody(encoding, body, 5).records;
    assert.ok(record?.kind === 'insert' && record.ordinal === 5 && record.table.tableName === 'people');
  });

  test('a change of a table that was never described is refused', () => {
    assert.throws(() => createDecoder().decodeBody(encoding, insert(7, ['1']), 0), { code: 'HW-CAPTURE-004' });
  });

  test('a refused body leaves no relation behind', () => {
    const decoder = createDecoder();
    assert.throws(() => decoder.decodeBody(encoding, Buffer.concat([people, Buffer.from('d')]), 0), {
      code: 'HW-CAPTURE-002',
    });
    assert.throws(() => decoder.decodeBody(encoding, insert(7, ['1', 'A']), 0), { code: 'HW-CAPTURE-004' });
  });

  test('an old key in an UPDATE with replica identity full fills what was not sent', () => {
    const update = Buffer.concat([
      Buffer.from('U'),
      uint32(7),
      Buffer.from('O'),
      tuple(['1', 'long']),
      Buffer.from('N'),
      tuple(['2', undefined]),
    ]);
    const body = Buffer.concat([relation(7, 'people', [{ name: 'id' }, { name: 'name' }], 'f'), walPiece(update)]);
    const [record] = createDecoder().decodeBody(encoding, body, 0).records;
    assert.ok(record?.kind === 'update');
    assert.deepEqual(record.after, ['2', 'long']);
  });

  test('a kind of message that is not known, a keepalive and another encoding are refused', () => {
    assert.throws(() => createDecoder().decodeBody(encoding, walPiece(Buffer.from('S\0\0\0\x01')), 0), {
      code: 'HW-CAPTURE-003',
    });
    assert.throws(() => createDecoder().decodeBody(encoding, keepalive(5n), 0), { code: 'HW-CAPTURE-002' });
    assert.throws(() => createDecoder().cutBody(encoding, keepalive(5n), 10), { code: 'HW-CAPTURE-002' });
    assert.throws(() => createDecoder().decodeBody('pgoutput-copy/2' as typeof encoding, people, 0), {
      code: 'HW-CAPTURE-006',
    });
  });

  test('an event of a newer envelope version stops its reader, and messages of others are counted', () => {
    const newer = logicalMessage({ prefix: 'headwater:2', content: '{}' });
    assert.throws(() => createDecoder().decodeBody(encoding, newer, 0), { code: 'HW-EMIT-021' });
    const forged = logicalMessage({ prefix: 'headwater:1', content: 'no envelope' });
    assert.throws(() => createDecoder().decodeBody(encoding, forged, 0), { code: 'HW-EMIT-020' });
    const others = Buffer.concat([
      logicalMessage({ prefix: 'x', content: 'y' }),
      logicalMessage({ prefix: 'headwater:canary', content: '' }),
    ]);
    assert.deepEqual(createDecoder().decodeBody(encoding, others, 0), {
      records: [],
      counts: { foreignMessages: 2, adoptedOutboxChanges: 0, outboxChanges: 0 },
    });
  });

  test('a message that is not transactional is refused inside a body', () => {
    const message = logicalMessage({ prefix: 'headwater:1', content: '{}', isTransactional: false });
    assert.throws(() => createDecoder().decodeBody(encoding, message, 0), { code: 'HW-CAPTURE-002' });
  });

  test('bytes that are no UTF-8 are refused, and a real replacement character is a value', () => {
    const invalid = insert(7, ['1', 'AB']);
    invalid[invalid.length - 1] = 0xff;
    assert.throws(() => createDecoder().decodeBody(encoding, Buffer.concat([people, invalid]), 0), {
      code: 'HW-CAPTURE-005',
    });
    const [record] = createDecoder().decodeBody(
      encoding,
      Buffer.concat([people, insert(7, ['1', '\ufffd'])]),
      0,
    ).records;
    assert.ok(record?.kind === 'insert' && record.after[1] === '\ufffd');
  });
});

function messageRanges(body: Uint8Array): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  const view = Buffer.from(body);
  for (let start = 0; start < body.length;) {
    const end = start + 1 + view.readUInt32BE(start + 1);
    ranges.push([start, end]);
    start = end;
  }
  return ranges;
}

function messageEnds(body: Uint8Array): ReadonlySet<number> {
  return new Set([0, ...messageRanges(body).map(([, end]) => end)]);
}

function assertTyped(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    assert.ok(thrown instanceof HeadwaterError && thrown.code !== 'HW-INTERNAL-001', String(thrown));
  }
}
