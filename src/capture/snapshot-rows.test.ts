import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import type { ReadChange, TruncateChange } from '../model/journal-record.ts';
import type { TableSchema } from '../model/table-schema.ts';
import { decodeSnapshotRows, encodeSnapshotFragment } from './snapshot-rows.ts';

const table: TableSchema = {
  relationId: 16_384,
  schemaName: 'public',
  tableName: 'orders',
  replicaIdentity: 'default',
  columns: [
    { name: 'id', typeOid: 20, typeModifier: -1, isKey: true },
    { name: 'note', typeOid: 25, typeModifier: -1, isKey: false },
  ],
};

/** A line as COPY … TO STDOUT writes it, in its CopyData message. */
function copyMessage(values: readonly (string | null)[]): Buffer {
  const escapes: Readonly<Record<string, string>> = {
    '\\': '\\\\',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
  };
  const line = values
    .map((value) => (value === null ? '\\N' : Array.from(value, (letter) => escapes[letter] ?? letter).join('')))
    .join('\t');
  const bytes = Buffer.from(`d    ${line}\n`);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}

function bodyOf(rows: readonly (readonly (string | null)[])[], lanes?: readonly string[]): Buffer {
  const head = lanes === undefined ? { table } : { table, lanes };
  return Buffer.concat(encodeSnapshotFragment(head, rows.map(copyMessage), rows.length).body);
}

function valuesOf(record: ReadChange | TruncateChange): unknown {
  return record.kind === 'read' ? record.after : 'truncate';
}

describe('the rows of a snapshot', () => {
  it('replace what a lane has of a table without a key', () => {
    const body = Buffer.concat(encodeSnapshotFragment({ table, isWhole: true }, [copyMessage(['1', 'a'])], 1).body);
    assert.deepEqual(decodeSnapshotRows(body, 0).map(valuesOf), ['truncate', ['1', 'a']]);
    assert.deepEqual(
      decodeSnapshotRows(body, 5).map(({ ordinal }) => ordinal),
      [5, 6],
    );
  });

  it('come back value for value, whatever characters they hold', () => {
    const value = fc.option(
      fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
      { nil: null },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 20 }), (rows) => {
        const records = decodeSnapshotRows(bodyOf(rows), 7);
        assert.deepEqual(records.map(valuesOf), rows);
        assert.deepEqual(
          records.map(({ ordinal }) => ordinal),
          rows.map((_, index) => 7 + index),
        );
      }),
    );
  });

  it('keep NULL, the text \\N and escape sequences apart', () => {
    const rows = [
      ['1', null],
      ['2', '\\N'],
      ['3', 'a\tb\\tc\nd\\'],
      ['4', ''],
    ];
    assert.deepEqual(decodeSnapshotRows(bodyOf(rows), 0).map(valuesOf), rows);
  });

  it('say for which lanes they are', () => {
    assert.deepEqual(decodeSnapshotRows(bodyOf([['1', 'a']], ['search']), 0)[0]?.lanes, ['search']);
    assert.equal(decodeSnapshotRows(bodyOf([['1', 'a']]), 0)[0]?.lanes, undefined);
  });

  it('are refused whole when a byte is missing or a value is', () => {
    const body = bodyOf([['1', 'a']]);
    for (let length = 0; length < body.length; length += 1) {
      if (length === body.length - copyMessage(['1', 'a']).length) continue;
      assert.throws(() => decodeSnapshotRows(body.subarray(0, length), 0), { code: 'HW-CAPTURE-002' }, String(length));
    }
    assert.throws(() => decodeSnapshotRows(bodyOf([['1']]), 0), { code: 'HW-CAPTURE-002' });
  });
});
