import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createTestDatabase, skipReason, type PostgresMajor } from '../../../scripts/services/testing.ts';
import type { ChangeSource } from '../change-source.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import { startTestSource, waitUntil } from '../testing/open-source.ts';

/** What may be missing after the publication was changed. PostgreSQL says nothing of it in the stream. */
for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`a publication of PostgreSQL ${major} that changes under a running capture`, { skip }, () => {
    test('names the tables of a schema that was left out and added again, even between two looks', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create schema shop');
      await database.query('create table shop.t (id bigint primary key)');
      await database.query('create table u (id bigint primary key)');
      await database.query('create publication headwater for tables in schema shop, table u');
      const recorder = new MemoryRecorder();
      const url = await database.grantRole('capture');
      const options = { url, slotName: `${database.name}_slot`, recorder, canaryIntervalMs: 20 };
      await using source = await startTestSource(options);
      assert.deepEqual(namesOf(source), []);
      await database.query('begin');
      await database.query('alter publication headwater drop tables in schema shop');
      await database.query('alter publication headwater add tables in schema shop');
      await database.query('commit');
      await waitUntil(() => namesOf(source).length > 0, 'the schema that was added again is noticed');
      assert.deepEqual(namesOf(source), ['shop.t: publication-altered']);
      assert.deepEqual(recorder.durable.state.source?.uncopiedTables.length, 1, 'the journal has it, too');
    });

    test('names a table that was left out, emptied meanwhile, and added again, once', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id bigint primary key)');
      await database.query('create table u (id bigint primary key)');
      await database.query('create publication headwater for table t, u');
      const recorder = new MemoryRecorder();
      const url = await database.grantRole('capture');
      const options = { url, slotName: `${database.name}_slot`, recorder, canaryIntervalMs: 20 };
      await using source = await startTestSource(options);
      await database.query('insert into t values (1)');
      await waitUntil(() => recorder.durable.transactions.length === 1, '1 is durable');
      await database.query('alter publication headwater drop table t');
      const isKnown = (): boolean => recorder.durable.state.source?.tables.includes('public.t') === true;
      await waitUntil(() => !isKnown(), 'a look found that the table is left out');
      await database.query('truncate t');
      await database.query('alter publication headwater add table t');
      await waitUntil(isKnown, 'a look found that the table is back');
      assert.deepEqual(namesOf(source), ['public.t: publication-altered'], 'a store still has row 1');
    });
  });
}

function namesOf(source: ChangeSource): string[] {
  return source
    .report()
    .uncopiedTables.map(({ schemaName, tableName, reason }) => `${schemaName}.${tableName}: ${reason}`);
}
