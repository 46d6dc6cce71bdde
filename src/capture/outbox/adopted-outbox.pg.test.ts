import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  type PostgresMajor,
  type TestDatabase,
} from '../../../scripts/services/testing.ts';
import { parseConnectionUrl } from '../../postgres/connection-options.ts';
import { openConnection } from '../../postgres/pg-connection.ts';
import { createPgoutputDecoder } from '../postgres/pgoutput/pgoutput-decoder.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import { decodeTransactions, startTestSource, waitUntil } from '../testing/open-source.ts';
import { AdoptedOutboxCleaner } from './adopted-outbox-cleaner.ts';

const adopted = [{ schemaName: 'public', tableName: 'outbox' }];
const firstId = '6f1c1f9e-0000-4000-8000-000000000001';
const secondId = '6f1c1f9e-0000-4000-8000-000000000002';

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`an adopted outbox table on PostgreSQL ${major}`, { skip }, () => {
    test('only its inserts are events; clean-up is counted, batched and never delivered', async () => {
      await using database = await createOutbox(major);
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using _ = await startTestSource({ url: database.urlOf('capture'), slotName, recorder });
      await insertEvent(database, firstId);
      await insertEvent(database, secondId);
      await waitUntil(() => recorder.durable.transactions.length === 2, 'both inserts are durable');
      const events = decodeTransactions(recorder, adopted).flat();
      assert.deepEqual(
        events.map((record) =>
          record.kind === 'event' ? [record.event.id, record.event.type, record.event.key] : record.kind,
        ),
        [
          [firstId, 'OrderCreated', null],
          [secondId, 'OrderCreated', null],
        ],
      );
      await using connection = await openConnection(parseConnectionUrl(database.urlOf('capture')));
      const ids = [firstId, secondId];
      const marker = new AdoptedOutboxCleaner({
        connection,
        table: { schemaName: 'public', tableName: 'outbox' },
        mode: 'mark',
        batchRowCount: 1,
      });
      assert.equal(await marker.clean(ids), 2);
      assert.equal(await marker.clean(ids), 0, 'a repeated batch writes nothing');
      await database.grantRole('capture', { adoptedOutboxes: [{ table: 'public.outbox', cleanUp: 'delete' }] });
      const remover = new AdoptedOutboxCleaner({
        connection,
        table: { schemaName: 'public', tableName: 'outbox' },
        mode: 'delete',
      });
      assert.equal(await remover.clean(ids), 2);
      assert.deepEqual(await database.query('select id from outbox'), []);
      await waitUntil(() => recorder.durable.transactions.length === 5, 'the clean-up came back');
      const decoder = createPgoutputDecoder({
        installation: 'test',
        outboxSchema: 'headwater',
        adoptedOutboxes: adopted,
      });
      const bodies = recorder.durable.transactions.map(({ body }) => decoder.decodeBody('pgoutput-copy/1', body, 0));
      assert.deepEqual(
        bodies.slice(2).flatMap(({ records }) => records),
        [],
      );
      assert.equal(
        bodies.reduce((sum, { counts }) => sum + counts.adoptedOutboxChanges, 0),
        4,
      );
    });

    test('a mode of none writes nothing, and a table without id is named', async () => {
      await using database = await createOutbox(major);
      await insertEvent(database, firstId);
      await using connection = await openConnection(parseConnectionUrl(database.urlOf('capture')));
      const idle = new AdoptedOutboxCleaner({
        connection,
        table: { schemaName: 'public', tableName: 'outbox' },
        mode: 'none',
      });
      assert.equal(await idle.clean([firstId]), 0);
      const lost = new AdoptedOutboxCleaner({
        connection,
        table: { schemaName: 'public', tableName: 'missing' },
        mode: 'mark',
      });
      await assert.rejects(lost.clean([firstId]), { code: 'HW-SOURCE-035' });
      assert.deepEqual(await database.query('select published from outbox'), [{ published: false }]);
    });
  });
}

async function createOutbox(major: PostgresMajor): Promise<TestDatabase> {
  const database = await createTestDatabase({ major });
  await database.query(`
    create table outbox (
      id uuid primary key,
      event_type text not null,
      payload jsonb not null,
      created_at timestamp default now(),
      published boolean default false)`);
  await database.query('create publication headwater for table outbox');
  await database.grantRole('capture', { adoptedOutboxes: [{ table: 'public.outbox', cleanUp: 'mark' }] });
  return database;
}

async function insertEvent(database: TestDatabase, id: string): Promise<void> {
  await database.query(`insert into outbox (id, event_type, payload) values ($1, 'OrderCreated', '{"n": 1}')`, [id]);
}
