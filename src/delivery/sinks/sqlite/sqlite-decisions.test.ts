import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { affinityOf, type Affinity, declareType, findEncoder } from './column-type.ts';
import { toSqliteError } from './sqlite-error.ts';
import type { SqliteSinkOptions } from './sqlite-options.ts';
import { sqliteSink } from './sqlite-sink.ts';

const oids = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float8: 701,
  numeric: 1700,
  user: 70_000,
};

describe('the decisions of the SQLite sink', () => {
  test('a column made here keeps every value of its type', () => {
    const declared = Object.fromEntries(Object.entries(oids).map(([name, oid]) => [name, declareType(oid)]));
    assert.deepEqual(declared, {
      bool: 'INTEGER',
      bytea: 'BLOB',
      int8: 'INTEGER',
      int2: 'INTEGER',
      int4: 'INTEGER',
      text: 'TEXT',
      oid: 'INTEGER',
      float8: 'TEXT',
      numeric: 'TEXT',
      user: 'TEXT',
    });
    for (const oid of Object.values(oids))
      assert.ok(findEncoder(oid, affinityOf(declareType(oid), true)) !== undefined, String(oid));
  });

  test('a column has the affinity that SQLite gives it', () => {
    const rows: readonly [string, boolean, Affinity][] = [
      ['INTEGER', true, 'integer'],
      ['bigint', false, 'integer'],
      ['VARCHAR(10)', false, 'text'],
      ['BLOB', true, 'blob'],
      ['BLOB', false, 'any'],
      ['', false, 'any'],
      ['ANY', true, 'any'],
      ['ANY', false, 'numeric'],
      ['DOUBLE', false, 'real'],
      ['BOOLEAN', false, 'numeric'],
      ['DECIMAL(10,2)', false, 'numeric'],
    ];
    for (const [type, isStrict, affinity] of rows) assert.equal(affinityOf(type, isStrict), affinity, type);
  });

  test('a column that would change values is refused, every other one gets them unchanged', () => {
    const rows: readonly [number, Affinity, string, unknown][] = [
      [oids.int8, 'integer', '9223372036854775807', 9_223_372_036_854_775_807n],
      [oids.int8, 'text', '9223372036854775807', '9223372036854775807'],
      [oids.int8, 'numeric', '1', 1n],
      [oids.bool, 'integer', 't', 1n],
      [oids.bool, 'numeric', 'f', 0n],
      [oids.bool, 'text', 't', 't'],
      [oids.bytea, 'blob', '\\x00ff', Buffer.from([0, 255])],
      [oids.bytea, 'text', '\\x00ff', '\\x00ff'],
      [oids.numeric, 'text', '1.10', '1.10'],
      [oids.numeric, 'any', '1.10', '1.10'],
    ];
    for (const [oid, affinity, text, value] of rows) assert.deepEqual(findEncoder(oid, affinity)?.(text), value, text);
    const refused: readonly [number, Affinity][] = [
      [oids.int8, 'real'],
      [oids.int8, 'blob'],
      [oids.numeric, 'numeric'],
      [oids.numeric, 'real'],
      [oids.numeric, 'integer'],
      [oids.float8, 'real'],
      [oids.text, 'blob'],
      [oids.bytea, 'integer'],
      [oids.bool, 'real'],
    ];
    for (const [oid, affinity] of refused) assert.equal(findEncoder(oid, affinity), undefined, `${oid} ${affinity}`);
    assert.throws(() => findEncoder(oids.bytea, 'blob')?.('abc'), { code: 'HW-SINK-007' });
  });

  test('each result code of SQLite has its code, extended ones too', () => {
    const rows: readonly [number, string][] = [
      [1, 'HW-SINK-007'],
      [5, 'HW-SINK-009'],
      [517, 'HW-SINK-009'],
      [8, 'HW-SINK-003'],
      [266, 'HW-SINK-001'],
      [11, 'HW-SQLITE-002'],
      [13, 'HW-SQLITE-003'],
      [18, 'HW-SINK-005'],
      [787, 'HW-SINK-007'],
      [26, 'HW-SQLITE-002'],
    ];
    for (const [errcode, code] of rows)
      assert.equal(toSqliteError(Object.assign(new Error('x'), { errcode }), 'x').code, code, String(errcode));
    assert.equal(toSqliteError(new TypeError('cannot be bound'), 'x').code, 'HW-SINK-007');
  });

  test('an option that is not valid is refused by name', () => {
    const rows: readonly [string, object][] = [
      ['file', { file: undefined }],
      ['file', { file: ':memory:' }],
      ['file', { file: 'file:x?mode=memory' }],
      ['statements', { file: 'x', statements: () => [], tables: {} }],
    ];
    for (const [option, wrong] of rows)
      assert.throws(
        () => sqliteSink(wrong as SqliteSinkOptions),
        (error: { code?: string; message?: string }) =>
          error.code === 'HW-SQLITE-001' && String(error.message).includes(`option ${option} `),
      );
  });
});
