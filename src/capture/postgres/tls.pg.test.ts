import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  createTestDatabase,
  skipReason,
  startPrivatePostgres,
  type PostgresMajor,
} from '../../../scripts/services/testing.ts';
import { enableTls } from '../testing/enable-tls.ts';
import { MemoryRecorder } from '../testing/memory-recorder.ts';
import { decodeTransactions, failToStart, insertedIds, startTestSource, waitUntil } from '../testing/open-source.ts';

for (const major of [15, 18] satisfies PostgresMajor[]) {
  const skip = await skipReason(`privatePostgres${major}`);
  describe(`TLS to PostgreSQL ${major}`, { skip }, () => {
    test('a stream behind TLS is captured whole, and a certificate that nobody vouches for is refused', async () => {
      await using server = await startPrivatePostgres({ major });
      const unsecured = await failToStart({
        ...sourceOptions(`${server.url}?sslmode=verify-full`),
        recorder: new MemoryRecorder(),
      });
      assert.equal(unsecured.code, 'HW-SOURCE-005', 'a server without TLS is not spoken to in the clear');
      const authority = await enableTls(server);
      await using database = await createTestDatabase({ server });
      await database.query('create table t (id bigint primary key, body text)');
      await database.query('create publication headwater for table t');
      const captureUrl = await database.grantRole('capture');
      const distrusted = await failToStart({
        ...sourceOptions(`${captureUrl}?sslmode=verify-full`),
        recorder: new MemoryRecorder(),
      });
      assert.equal(distrusted.code, 'HW-SOURCE-005');
      const recorder = new MemoryRecorder();
      const url = `${captureUrl}?sslmode=verify-full&sslrootcert=${encodeURIComponent(authority)}`;
      await using _ = await startTestSource({ ...sourceOptions(url), recorder });
      const [session] = await database.query(
        `select bool_and(s.ssl) as is_secured from pg_stat_ssl s join pg_stat_replication r using (pid)`,
      );
      assert.deepEqual(session, { is_secured: true });
      await database.query(`insert into t select g, repeat('x', 500) from generate_series(1, 20000) g`);
      await database.query(`insert into t values (20001, repeat('y', 3000000))`);
      await waitUntil(() => recorder.durable.transactions.length === 2, 'both transactions are durable');
      assert.equal(insertedIds(decodeTransactions(recorder)).length, 20_001);
    });
  });
}

function sourceOptions(url: string): { url: string; slotName: string; tables: string[] } {
  return { url, slotName: 'tls_slot', tables: ['public.t'] };
}
