/*
 * The text form of a one-dimensional text[]: { "…" , NULL , … }, each value in quotes with backslash before quotes and
 * backslashes. https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO
 */

/** Encodes a column of values as one parameter of the type text[]. Values keep every character. */
export function encodeTextArray(values: readonly (string | null)[]): string {
  // Most columns hold nothing that needs more than quotes, and two joins are cheaper than a look at each value.
  if (values.length > 0 && !values.includes(null) && !needsEscape.test(values.join('')))
    return `{"${values.join('","')}"}`;
  let text = '{';
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? null;
    text += value === null ? 'NULL' : `"${needsEscape.test(value) ? value.replace(escaped, '\\$&') : value}"`;
    if (index < values.length - 1) text += ',';
  }
  return `${text}}`;
}

const needsEscape = /["\\]/;
const escaped = /["\\]/g;
