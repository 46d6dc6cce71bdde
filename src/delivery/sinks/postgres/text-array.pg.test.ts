import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, skipReason } from '../../../../scripts/services/testing.ts';
import { encodeTextArray } from './text-array.ts';

describe('a column of values', () => {
  test('tells NULL from its text, and nothing from an empty text', () => {
    assert.equal(encodeTextArray([]), '{}');
    assert.equal(encodeTextArray([null, 'NULL', '', 'a"b\\c', '{,}']), '{NULL,"NULL","","a\\"b\\\\c","{,}"}');
  });
});

describe('a column of values on a server', { skip: await skipReason('postgres18') }, () => {
  test('arrives with every character', async () => {
    await using database = await createTestDatabase({ major: 18 });
    const value = fc.option(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '').toWellFormed()));
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 20 }), async (values) => {
        const rows = await database.query<{ value: string | null }>(
          'select value from unnest($1::text[]) with ordinality as r(value, place) order by place',
          [encodeTextArray(values)],
        );
        assert.deepEqual(
          rows.map((row) => row.value),
          values,
        );
      }),
      { numRuns: 100 },
    );
  });
});
