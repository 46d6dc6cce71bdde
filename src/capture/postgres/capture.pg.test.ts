import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createTestDatabase, skipReason, type PostgresMajor } from '../../../scripts/services/testing.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import { decodeTransactions, insertedIds, startTestSource, waitUntil } from '../testing/open-source.ts';

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`postgres${major}`);
  describe(`capture from PostgreSQL ${major}`, { skip }, () => {
    test('streams what is committed, in order, text-exact', async () => {
      await using database = await createTestDatabase({ major });
      await database.query('create table t (id bigint primary key, amount numeric, at timestamptz, body text)');
      const recorder = new MemoryRecorder();
      const slotName = `${database.name}_slot`;
      await using source = await startTestSource({ url: database.url, slotName, recorder, tables: ['public.t'] });
      await database.query(`insert into t values (9007199254740993, 'NaN', '2026-01-02 03:04:05.678901+02', E'a\\nb')`);
      await database.query(`update t set amount = 1.10`);
      await database.query(`delete from t`);
      await database.query(`truncate t restart identity`);
      await waitUntil(() => recorder.durable.transactions.length === 4, 'four transactions');
      const [inserted, updated, deleted, truncated] = decodeTransactions(recorder).flat();
      assert.ok(inserted?.kind === 'insert' && updated?.kind === 'update' && deleted?.kind === 'delete');
      assert.deepEqual(inserted.after, ['9007199254740993', 'NaN', '2026-01-02 01:04:05.678901+00', 'a\nb']);
      assert.deepEqual(updated.after, ['9007199254740993', '1.10', '2026-01-02 01:04:05.678901+00', 'a\nb']);
      assert.deepEqual(deleted.before, ['9007199254740993', null, null, null]);
      assert.ok(truncated?.kind === 'truncate' && truncated.restartIdentity);
      assert.deepEqual(insertedIds(decodeTransactions(recorder)), ['9007199254740993']);
      await waitUntil(() => source.report().canaryAgeMs !== undefined, 'a canary comes back');
    });
  });
}
