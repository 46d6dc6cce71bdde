import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUntidy, type TidyRule } from './tidy-rules.ts';

function rulesOf(path: string, text: string, isAdapter = false): TidyRule[] {
  return findUntidy({ path, text, isAdapter }).map((finding) => finding.rule);
}

const lines = (count: number): string => 'const a = 1;\n'.repeat(count);

test('accepts a small, documented file with meaningful names', () => {
  const text = '/** The end of the log. */\nexport function findEnd(): number {\n  return 1;\n}\n';
  assert.deepEqual(rulesOf('src/journal/log-end.ts', text), []);
});

test('limits a file to 400 lines and a test to 800', () => {
  assert.deepEqual(rulesOf('src/model/a.ts', lines(400)), []);
  assert.deepEqual(rulesOf('src/model/a.ts', lines(401)), ['file-size']);
  assert.deepEqual(rulesOf('src/model/a.test.ts', lines(800)), []);
  assert.deepEqual(rulesOf('src/model/a.test.ts', lines(801)), ['file-size']);
});

test('holds what is published for tests to what sources are held to', () => {
  assert.deepEqual(rulesOf('src/delivery/testing/a.ts', 'export const a = 1;\n'), []);
  assert.deepEqual(rulesOf('src/testing/a.ts', 'export const a = 1;\n'), ['export-doc']);
  assert.deepEqual(rulesOf('src/testing/a.ts', lines(401)), ['file-size']);
});

test('limits every kind of function to 70 lines', () => {
  const body = lines(70);
  assert.deepEqual(rulesOf('src/model/a.ts', `function read() {\n${body}}\n`), ['function-size']);
  assert.deepEqual(rulesOf('src/model/a.ts', `const read = () => {\n${body}};\n`), ['function-size']);
  assert.deepEqual(rulesOf('src/model/a.ts', `class A {\n  read() {\n${body}}\n}\n`), ['function-size']);
  assert.deepEqual(rulesOf('src/model/a.ts', `function read() {\n${lines(68)}}\n`), []);
});

test('allows one exported class per file, and private ones beside it', () => {
  const one = '/** A. */\nexport class A {}\n';
  assert.deepEqual(rulesOf('src/model/a.ts', `${one}class B {}\n`), []);
  assert.deepEqual(rulesOf('src/model/a.ts', `${one}/** B. */\nexport class B {}\n`), ['one-class']);
});

test('refuses words that say nothing in file names and exported names', () => {
  assert.deepEqual(rulesOf('src/model/row-utils.ts', ''), ['name']);
  assert.deepEqual(rulesOf('src/model/RowReader.ts', ''), ['name']);
  assert.deepEqual(rulesOf('src/model/a.ts', '/** X. */\nexport class LaneManager {}\n'), ['name']);
  assert.deepEqual(rulesOf('src/model/a.ts', '/** X. */\nexport const rowInfo = 1;\n'), ['name']);
  assert.deepEqual(rulesOf('src/model/a.ts', '/** X. */\nexport function processBatch() {}\n'), ['name']);
  assert.deepEqual(rulesOf('src/model/a.ts', '/** X. */\nexport class ProcessIdentity {}\n'), []);
  assert.deepEqual(rulesOf('src/model/a.ts', '/** X. */\nexport const database = 1;\n'), []);
});

test('refuses an error without a code in the package, and allows it in tests and scripts', () => {
  const text = "throw new Error('no');\n";
  assert.deepEqual(rulesOf('src/journal/a.ts', text), ['bare-error']);
  assert.deepEqual(rulesOf('src/journal/a.ts', "throw new RangeError('no');\n"), ['bare-error']);
  assert.deepEqual(rulesOf('src/journal/a.test.ts', text), []);
  assert.deepEqual(rulesOf('scripts/a.ts', text), []);
});

test('refuses the current time outside the adapters', () => {
  assert.deepEqual(rulesOf('src/journal/a.ts', 'const now = new Date();\n'), ['current-time']);
  assert.deepEqual(rulesOf('src/journal/a.ts', 'const now = new Date;\n'), ['current-time']);
  assert.deepEqual(rulesOf('src/journal/a.ts', 'const now = Date();\n'), ['current-time']);
  assert.deepEqual(rulesOf('src/journal/a.ts', 'const then = new Date(0);\n'), []);
  assert.deepEqual(rulesOf('src/foundation/a.ts', 'const now = new Date();\n', true), []);
});

test('asks for a reason beside every suppression', () => {
  const directive = ['// oxlint', 'disable-next-line no-var'].join('-');
  assert.deepEqual(rulesOf('src/model/a.ts', `${directive}\nvar a = 1;\n`), ['suppression-reason']);
  assert.deepEqual(rulesOf('src/model/a.ts', `${directive} -- the parser of this brand\nvar a = 1;\n`), []);
});

test('asks for documentation above every export, once for overloads', () => {
  assert.deepEqual(rulesOf('src/model/a.ts', 'export type A = 1;\n'), ['export-doc']);
  assert.deepEqual(rulesOf('src/model/a.suite.ts', 'export type A = 1;\n'), []);
  const overloads =
    '/** Reads. */\nexport function read(a: 1): 1;\nexport function read(a: 2): 2;\nexport function read(a: 1 | 2): 1 | 2 {\n  return a;\n}\n';
  assert.deepEqual(rulesOf('src/model/a.ts', overloads), []);
});

test('refuses unfinished work, star exports and a claim that no one can hold', () => {
  const mark = ['TO', 'DO'].join('');
  assert.deepEqual(rulesOf('scripts/a.ts', `// ${mark}: later\n`), ['unfinished']);
  assert.deepEqual(rulesOf('src/index.ts', "export * from './a.ts';\n"), ['export-star']);
  assert.deepEqual(rulesOf('src/model/a.ts', `// ${['exactly', 'once', 'delivery'].join('-')}\n`), ['claim']);
});
