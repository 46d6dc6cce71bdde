import assert from 'node:assert/strict';
import { it } from 'node:test';

import { toQuestionMarks } from './question-marks.ts';

it('gives a parameter once for each of its places, in the order of the places', () => {
  assert.deepEqual(
    toQuestionMarks('select $2::text, $1::text, $2::text, $10', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']),
    {
      text: 'select ?::text, ?::text, ?::text, ?',
      parameters: ['b', 'a', 'b', 'j'],
    },
  );
});

it('leaves what is quoted as it is, and escapes question marks that are no placeholders', () => {
  assert.deepEqual(toQuestionMarks(`select '$1?', "a""$1?" from t where x ? $1`, ['a']), {
    text: String.raw`select '$1\?', "a""$1\?" from t where x \? ?`,
    parameters: ['a'],
  });
});
