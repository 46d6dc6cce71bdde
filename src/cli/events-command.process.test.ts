import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { CommandDirectory } from './testing/command-directory.ts';

function configWith(order: string): string {
  return `
import { defineConfig, defineEvents } from 'headwater';
import { z } from 'zod';
export const events = defineEvents({ 'order.placed': ${order}, 'order/paid': z.object({ id: z.string() }) });
export default defineConfig({ source: { url: 'postgres://nobody@127.0.0.1:1/none' }, events });
`;
}

const first = 'z.object({ id: z.string(), total: z.string() })';
const without = 'z.object({ id: z.string() })';

describe('headwater events', () => {
  let directory: CommandDirectory;

  before(async () => {
    directory = await CommandDirectory.open();
  });
  after(() => directory[Symbol.asyncDispose]());

  it('fails on a breaking change and passes once its version is raised with an upcaster', async () => {
    await directory.write('headwater.config.ts', configWith(first));
    const early = await directory.headwater(['events', 'check']);
    assert.deepEqual([early.code, early.stderr.includes('HW-EVENTS-005')], [4, true], early.stderr);
    assert.equal((await directory.headwater(['events', 'release'])).code, 0);
    assert.equal((await directory.headwater(['events'])).code, 0);
    const released = await directory.read('headwater.events.json');

    await directory.write('headwater.config.ts', configWith(without));
    const broken = await directory.headwater(['events', 'check', '--json']);
    assert.equal(broken.code, 3, broken.stderr);
    assert.deepEqual(JSON.parse(broken.stdout), {
      version: 1,
      file: 'headwater.events.json',
      ok: false,
      findings: [{ event: 'order.placed', path: 'total', level: 'breaking', message: 'was removed' }],
    });
    const refused = await directory.headwater(['events', 'release']);
    assert.deepEqual([refused.code, refused.stderr.includes('HW-EVENTS-007')], [3, true], refused.stderr);
    assert.equal(await directory.read('headwater.events.json'), released, 'nothing was written');

    const raised = `{ schema: ${without}, schemaVersion: 2, upcasters: { 1: ({ id }) => ({ id }) } }`;
    await directory.write('headwater.config.ts', configWith(raised));
    assert.equal((await directory.headwater(['events', 'check'])).code, 0);
    assert.equal((await directory.headwater(['events', 'release'])).code, 0);
    assert.match(await directory.read('headwater.events.json'), /"1": \{[^]*"2": \{/);
  });

  it('writes a JSON Schema for each event, whatever its name, and a page about them', async () => {
    await directory.write('headwater.config.ts', configWith(first));
    const exported = await directory.headwater(['events', 'export', '--json']);
    assert.equal(exported.code, 0, exported.stderr);
    const schema: unknown = JSON.parse(await directory.read('schemas/order%2Fpaid.v1.schema.json'));
    assert.deepEqual(Reflect.get(Object(schema), 'required'), ['id']);
    const page = await directory.headwater(['events', 'docs', '--out', 'docs/events.md']);
    assert.equal(page.code, 0, page.stderr);
    assert.match(await directory.read('docs/events.md'), /## order\/paid/);
  });

  it('says what is missing when the configuration names no catalogue', async () => {
    const config = `export default { source: { url: 'postgres://nobody@127.0.0.1:1/none' } };`;
    await directory.write('headwater.config.ts', config);
    const end = await directory.headwater(['events']);
    assert.deepEqual([end.code, end.stderr.includes('HW-EVENTS-004')], [4, true], end.stderr);
  });
});
