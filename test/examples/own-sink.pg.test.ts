import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { z } from 'zod';

import { documentSink } from '../../examples/own-sink/document-sink.ts';
import { createTestDatabase, skipReason } from '../../scripts/services/testing.ts';
import { waitUntil } from '../../scripts/services/wait-until.ts';
import { defineEvents, emit } from '../../src/emit.ts';
import { applyMigrations } from '../../src/postgres/database-objects.ts';
import { startHeadwater } from '../../src/service.ts';

const events = defineEvents({ 'order.placed': z.object({ total: z.string() }) });

test('an event reaches the document of a sink of your own', { skip: await skipReason('postgres18') }, async () => {
  await using database = await createTestDatabase({ major: 18 });
  await applyMigrations((text) => database.query(text));
  const scratch = await mkdtemp(join(tmpdir(), 'headwater-own-sink-'));
  const directory = join(scratch, 'documents');
  await mkdir(directory);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await using headwater = await startHeadwater({
      source: { url: database.url, slot: database.name, tables: ['headwater.outbox'] },
      journal: { directory: join(scratch, 'journal') },
      http: false,
      lanes: { history: { sink: documentSink({ directory }) } },
    });
    await client.query('begin');
    const { id } = await emit(client, events['order.placed'], { total: '12.50' }, { key: '17' });
    await client.query('commit');
    const path = join(directory, '17.json');
    const read = (): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
    await waitUntil('the document is there', async () => (await read()) !== undefined);
    assert.deepEqual(JSON.parse((await read()) ?? ''), {
      key: '17',
      events: [{ id, type: 'order.placed', payload: { total: '12.50' } }],
    });
    await headwater.stop();
  } finally {
    await client.end();
    await rm(scratch, { recursive: true, force: true });
  }
});
