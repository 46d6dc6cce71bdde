import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findHeavyLoads, readStaticClosure } from './static-closure.ts';

async function heavyLoads(files: Record<string, string>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-closure-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return findHeavyLoads(await readStaticClosure(join(folder, 'index.js')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('finds a driver and a file system two imports away', async () => {
  const files = {
    'index.js': "export { a } from './middle.js';\n",
    'middle.js': "import pg from 'pg';\nimport { b } from './end.js';\nexport const a = [pg, b];\n",
    'end.js': "import { readFileSync } from 'node:fs';\nexport const b = readFileSync;\n",
  };
  assert.deepEqual(await heavyLoads(files), ['node:fs', 'pg']);
});

test('leaves out what is loaded only when it is used, also when two entries share it', async () => {
  const files = {
    'index.js': "import { c } from './shared.js';\nexport const open = async () => [c, await import('./late.js')];\n",
    'late.js':
      "import { c } from './shared.js';\nimport { connect } from 'node:net';\nexport const a = [c, connect];\n",
    'shared.js': "import { createHash } from 'node:crypto';\nexport const c = createHash;\n",
  };
  assert.deepEqual(await heavyLoads(files), []);
});

test('finds what a shared part loads', async () => {
  const files = {
    'index.js': "import { c } from './shared.js';\nexport const open = async () => [c, await import('./late.js')];\n",
    'late.js': "export { c as d } from './shared.js';\n",
    'shared.js': "import { createConnection } from 'net';\nexport const c = createConnection;\n",
  };
  assert.deepEqual(await heavyLoads(files), ['net']);
});
