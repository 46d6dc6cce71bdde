/**
 * Contracts that carry a version: what others build on changes only on purpose. `HEADWATER_GOLDEN=write npm test --
 * test/contracts` records a wanted change; the difference is reviewed like code.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { z } from 'zod';

import { sharedOptions } from '../src/cli/command.ts';
import { commands } from '../src/cli/commands.ts';
import { errorCodes } from '../src/foundation/error-codes.ts';
import { productVersion } from '../src/foundation/product-version.ts';
import { compose } from '../src/guarantees/compose.ts';
import { flows } from '../src/guarantees/flows.ts';
import { statements } from '../src/guarantees/statements.ts';
import { configSchema } from '../src/service/config-schema.ts';
import { metrics } from '../src/service/metric-names.ts';

const folder = join(import.meta.dirname, 'golden', 'contracts');

const contracts: Readonly<Record<string, () => unknown>> = {
  'configuration-1': () => z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }),
  'command-1': () =>
    commands.map(({ name, usage, options }) => ({
      name,
      usage,
      options: Object.keys({ ...options, ...sharedOptions }),
    })),
  'error-codes': () =>
    Object.entries(errorCodes).map(([code, { title, policy, exitCode }]) => ({ code, title, policy, exitCode })),
  'guarantees-1': () => statements,
  'flows-1': () => flows.map(({ names }) => compose(names)),
  metrics: () => Object.values(metrics).map(({ name, type, labels }) => ({ name, type, labels })),
};

describe('contracts with a version', () => {
  for (const [name, build] of Object.entries(contracts)) {
    it(`${name} is what was promised`, () => {
      const path = join(folder, `${name}.json`);
      const text = `${JSON.stringify(build(), undefined, 2)}\n`;
      if (process.env['HEADWATER_GOLDEN'] === 'write') {
        mkdirSync(folder, { recursive: true });
        writeFileSync(path, text);
      }
      assert.equal(text, readFileSync(path, 'utf8'));
    });
  }

  it('the version in the code is the version of the package', () => {
    const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'));
    assert.ok(typeof manifest === 'object' && manifest !== null && 'version' in manifest);
    assert.equal(manifest.version, productVersion);
  });

  it('every error code has the form HW-AREA-NNN, a reason and a fix', () => {
    for (const [code, { title, why, fix }] of Object.entries(errorCodes)) {
      assert.match(code, /^HW-[A-Z]+-\d{3}$/);
      for (const text of [title, why, fix]) assert.ok(text.length > 10, code);
    }
  });
});
