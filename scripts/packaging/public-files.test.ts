import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planBin, planExports } from './public-files.ts';

test('makes every file directly in src a subpath with its types first, and the root the first entry', () => {
  const planned = planExports(['src/kafka.ts', 'src/index.ts', 'src/postgres-sink.ts']);
  assert.deepEqual(Object.entries(planned), [
    ['.', { types: './dist/index.d.ts', default: './dist/index.js' }],
    ['./kafka', { types: './dist/kafka.d.ts', default: './dist/kafka.js' }],
    ['./postgres', { types: './dist/postgres-sink.d.ts', default: './dist/postgres-sink.js' }],
    ['./package.json', './package.json'],
  ]);
  assert.deepEqual(Object.keys(Object(planned['.'])), ['types', 'default']);
});

test('offers a command only when there is one', () => {
  assert.equal(planBin(false), undefined);
  assert.deepEqual(planBin(true), { headwater: 'dist/cli/main.js' });
});
