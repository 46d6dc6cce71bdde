import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { toPublishedImports } from '../../scripts/packaging/published-imports.ts';

const files = ['events.ts', 'place-order.ts', 'headwater.config.ts'];

test('the README shows the example that the package is verified with', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const shown = [...readme.matchAll(/`([\w.-]+\.ts)`[^\n]*:\n\n```ts\n([\s\S]*?)```/g)].map(([, name, text]) => ({
    name,
    text,
  }));
  const expected = await Promise.all(
    files.map(async (name) => {
      const text = await readFile(new URL(`../../examples/readme/${name}`, import.meta.url), 'utf8');
      return { name, text: toPublishedImports(text, 'headwater') };
    }),
  );
  assert.deepEqual(shown, expected);
});
