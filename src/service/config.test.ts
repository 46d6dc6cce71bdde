import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { HeadwaterError } from '../foundation/error.ts';
import { resolveConfig, slotNameOf } from './config.ts';
import { defineConfig } from './define-config.ts';
import { interpolateEnvironment } from './interpolation.ts';
import { readSecret } from './secret.ts';

function faultOf(config: unknown): string {
  try {
    resolveConfig(config);
  } catch (error) {
    assert.ok(error instanceof HeadwaterError && error.code === 'HW-CONFIG-001');
    return error.message;
  }
  return assert.fail('the configuration was taken');
}

describe('the configuration', () => {
  it('refuses a function that the sink of its lane would never call', () => {
    const sink = (kind: string): object => ({ kind, target: kind, open: () => undefined });
    const given = { route: () => 'elsewhere', map: () => 1 };
    const source = { url: 'postgres://localhost/shop' };
    const lanes = {
      copy: { sink: sink('postgres'), ...given },
      call: { sink: sink('handler'), ...given },
      acme: { sink: sink('webhook'), ...given },
    };
    const fault = faultOf({ source, lanes });
    assert.match(fault, /4 fault/);
    const paths = ['lanes.copy.route', 'lanes.copy.map', 'lanes.call.route', 'lanes.acme.route'];
    for (const path of paths) assert.ok(fault.includes(path));
    const fitting = { broker: { sink: sink('kafka'), ...given } };
    assert.deepEqual(Object.keys(resolveConfig({ source, lanes: fitting }).lanes), ['broker']);
  });

  it('needs nothing but the address of the source', () => {
    const resolved = resolveConfig(defineConfig({ source: { url: 'postgres://localhost/shop' } }));
    assert.equal(slotNameOf(resolved), 'headwater_main');
    assert.equal(resolved.journal.atLimit, 'stop-capture');
    assert.deepEqual(resolved.http, { host: '127.0.0.1', port: 7070, allowedHosts: [] });
  });

  it('names every fault at once, each with its path', () => {
    const message = faultOf({
      source: { url: '', slot: 'Bad-Slot', canaryIntervalMs: 5 },
      journal: { directory: 7 },
      lanes: { search: { sink: 1, batch: { recordCountMax: 0 } } },
      colour: 'red',
    });
    for (const path of [
      'source.url',
      'source.slot',
      'source.canaryIntervalMs',
      'journal.directory',
      'lanes.search.sink',
    ]) {
      assert.match(message, new RegExp(`^ {2}${path.replaceAll('.', '\\.')}: `, 'm'));
    }
    assert.match(message, /lanes\.search\.batch\.recordCountMax/);
    assert.match(message, /colour/);
  });

  it('refuses to park where the sink applies whole transactions', () => {
    const source = { url: 'postgres://localhost/shop' };
    const sink = {
      kind: 'mirror',
      target: 'db',
      unit: 'transaction',
      open: () => Promise.reject(new Error('unused')),
    } as const;
    assert.match(faultOf({ source, lanes: { search: { sink, onPoisoned: 'park' } } }), /lanes\.search\.onPoisoned/);
    assert.equal(resolveConfig({ source, lanes: { search: { sink } } }).lanes['search']?.onPoisoned, undefined);
  });

  it('refuses to listen beyond loopback without a token', () => {
    const source = { url: 'postgres://localhost/shop' };
    assert.match(faultOf({ source, http: { host: '0.0.0.0' } }), /http\.token/);
    assert.ok(resolveConfig({ source, http: { host: '0.0.0.0', token: 'secret' } }));
    assert.ok(resolveConfig({ source, http: { host: '127.9.9.9' } }));
  });

  it('takes values from the environment and names all variables that are missing', () => {
    const config = { source: { url: '${URL}', tables: ['${TABLE:-orders}'] }, keep: () => '${X}' };
    const taken = interpolateEnvironment(config, { URL: 'postgres://h/d' });
    assert.deepEqual(taken, { ...config, source: { url: 'postgres://h/d', tables: ['orders'] } });
    assert.throws(
      () => interpolateEnvironment({ a: '${B} ${A}' }, {}),
      /HeadwaterError: not set in the environment: A, B/,
    );
  });

  it('reads a secret from a file, a callback or the text itself, and never shows it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'headwater-secret-'));
    const file = join(directory, 'secret');
    await writeFile(file, 'from-file\n');
    assert.equal(await readSecret({ file }, 'source.url'), 'from-file');
    assert.equal(await readSecret(() => Promise.resolve('from-callback'), 'source.url'), 'from-callback');
    const failing = readSecret(() => Promise.reject(new Error('vault says hunter2')), 'source.url');
    await assert.rejects(
      failing,
      (error) =>
        error instanceof HeadwaterError &&
        error.code === 'HW-CONFIG-005' &&
        !JSON.stringify(error).includes('hunter2') &&
        !String(error.stack).includes('hunter2'),
    );
    await assert.rejects(readSecret({ file: join(directory, 'none') }, 'source.url'), { code: 'HW-CONFIG-005' });
    await rm(directory, { recursive: true });
  });
});
